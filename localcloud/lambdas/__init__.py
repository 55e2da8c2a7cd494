"""Native Lambda: `provided.*` functions as processes, as close to Lambda's own execution environments as a host allows.

What this adds to the emulator, each file with its sources: a clean environment and layers (`environment`), SQS event
source mappings (`event_source`), asynchronous invocation (`asynchronous`), recursive-loop detection (`lineage`); and,
here, new environments after any change of code, configuration or layers, a bound on live environments, the logs of each
function in a file, and the function properties that the emulator's CloudFormation drops.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import os
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import hooks, proxy
from . import asynchronous, environment, event_source, lineage, metrics
from .activity import activity

log = logging.getLogger("localcloud.lambda")

# Concurrent executions, all functions together: each is a process of this machine.
MAX_CONCURRENT = int(os.environ.get("LOCALCLOUD_MAX_CONCURRENT", "8"))
# Live environments, idle ones included; the least recently used idle one makes room.
MAX_LIVE = int(os.environ.get("LOCALCLOUD_MAX_ENVIRONMENTS", "16"))

_concurrent = threading.BoundedSemaphore(MAX_CONCURRENT)
_log_lock = threading.Lock()


def log_directory() -> Path:
    """Where each function's output goes, one file a function."""
    directory = environment.root() / "logs"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _revision(function: dict[str, Any], config: dict[str, Any]) -> str:
    """Changes when anything does that a running environment was started with."""
    parts = {
        "code": config.get("CodeSha256"),
        "layers": environment.layer_arns(config),
        "opt": str(environment.opt_directory(config)),
        "endpoint": proxy.function_endpoint(),
        **{name: config.get(name) for name in ("Handler", "Role", "Timeout", "MemorySize", "Runtime", "LoggingConfig")},
        "environment": (config.get("Environment") or {}).get("Variables"),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    """One invocation of a `provided.*` function, counted."""
    config = function.get("config") or function
    generation, began = activity.generation, time.monotonic()
    result = _invoke(function, config, event, request_id)
    if activity.generation == generation and not result.get("throttle"):
        name = config.get("FunctionName", "unknown")
        metrics.count(name, time.monotonic() - began, bool(result.get("error")))
        metrics.embedded(result.get("log", ""))
    return result


def _invoke(function: dict[str, Any], config: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    """One invocation on a pooled process."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    name, arn = config.get("FunctionName", "unknown"), config.get("FunctionArn", "")
    code = function.get("code_zip")
    if not code:
        return _failure("Runtime.InvalidEntrypoint", "the function has no code")
    if not _concurrent.acquire(timeout=float(config.get("Timeout", 30))):
        return lambda_svc._throttle_response("ConcurrentInvocationLimitExceeded", "Rate Exceeded.")
    worker = None
    try:
        version, revision = config.get("Version", "$LATEST"), _revision(function, config)
        _retire_old(name, config, version, revision)
        _make_room()
        worker, _ = lambda_runtime.acquire_worker(name, config, code, qualifier=f"{version}@{revision}")
        header = lineage.invoked(lineage.current.get(), arn)
        result = worker.invoke(event, request_id, trace_id=header, invoked_function_arn=arn)
    except Exception as error:  # the environment failed before or while it ran: report it as Lambda does
        log.error("%s: %s", name, error)
        _kill([worker] if worker else [])
        worker = None
        return _failure(getattr(error, "error_type", "") or "Runtime.ExitError", str(error))
    finally:
        lambda_runtime.release_worker(worker)
        _concurrent.release()
    _write_log(name, request_id, result.get("log", ""))
    if result.get("status") == "ok":
        return {"body": result.get("result"), "log": result.get("log", "")}
    payload = result.get("error_payload")
    if not isinstance(payload, dict):
        payload = {"errorType": "Runtime.ExitError", "errorMessage": str(result.get("error", "Unknown error"))}
    return {"body": payload, "error": True, "log": result.get("log", "")}


def _failure(kind: str, message: str) -> dict[str, Any]:
    return {"body": {"errorType": kind, "errorMessage": message}, "error": True, "log": ""}


def _write_log(name: str, request_id: str, text: str) -> None:
    if not text:
        return
    with _log_lock, (log_directory() / f"{name}.log").open("a", encoding="utf-8") as file:
        for line in text.splitlines():
            file.write(line + "\n")
    log.debug("%s %s wrote %d characters", name, request_id, len(text))


def _retire_old(name: str, config: dict[str, Any], version: str, revision: str) -> None:
    """Stop idle environments of an older revision; busy ones end their invocation first and go at the next."""
    from ministack.core import lambda_runtime

    prefix = lambda_runtime._worker_key(name, config, version + "@")
    old = []
    with lambda_runtime._lock:
        for key, workers in list(lambda_runtime._workers.items()):
            if key.startswith(prefix) and key != prefix + revision:
                old += [worker for worker in workers if not worker.in_use]
                lambda_runtime._workers[key] = [worker for worker in workers if worker.in_use]
    _kill(old)


def _make_room() -> None:
    from ministack.core import lambda_runtime

    with lambda_runtime._lock:
        everything = [worker for workers in lambda_runtime._workers.values() for worker in workers]
        idle = sorted((worker for worker in everything if not worker.in_use), key=lambda worker: worker.last_used)
        surplus = idle[: max(0, len(everything) - MAX_LIVE + 1)]
        for key, workers in lambda_runtime._workers.items():
            lambda_runtime._workers[key] = [worker for worker in workers if worker not in surplus]
    _kill(surplus)


def _kill(workers: list[Any]) -> None:
    """End environments at once, and clean up behind them without keeping anyone waiting."""
    from ministack.core import lambda_runtime

    if not workers:
        return
    with lambda_runtime._lock:
        for key, pool in lambda_runtime._workers.items():
            lambda_runtime._workers[key] = [worker for worker in pool if worker not in workers]
    for worker in workers:
        if worker._proc is not None:
            worker._proc.kill()
    threading.Thread(target=lambda_runtime.kill_workers, args=(workers,), daemon=True).start()


def stop_all() -> int:
    """End every environment and forget all running work; returns how many processes there were."""
    from ministack.core import lambda_runtime

    activity.forget()
    event_source.forget()
    with lambda_runtime._lock:
        everything = [worker for workers in lambda_runtime._workers.values() for worker in workers]
        lambda_runtime._workers.clear()
    _kill(everything)
    return len(everything)


def _end_processes() -> None:
    from ministack.core import lambda_runtime

    for workers in list(lambda_runtime._workers.values()):
        for worker in workers:
            if worker._proc is not None:
                worker._proc.kill()


def environments() -> dict[str, int]:
    """Live processes by function."""
    from ministack.core import lambda_runtime

    live: dict[str, int] = {}
    with lambda_runtime._lock:
        for workers in lambda_runtime._workers.values():
            for worker in workers:
                if worker._proc is not None and worker._proc.poll() is None:
                    live[worker.func_name] = live.get(worker.func_name, 0) + 1
    return live


def _with_trace(handler: Any) -> Any:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query_params: Any) -> Any:
        lineage.current.set(headers.get(lineage.HEADER, ""))
        return await handler(method, path, headers, body, query_params)

    return handle


def _system_attributes(original: Any) -> Any:
    def build(now: float, given: dict[str, Any]) -> dict[str, Any]:
        # SQS keeps the header of the HTTP request as AWSTraceHeader unless the caller sets one.
        attributes = original(now, given)
        if lineage.current.get():
            attributes.setdefault("AWSTraceHeader", lineage.current.get())
        return attributes

    return build


def _drop_recursive(original: Any) -> Any:
    def drop(name: str, function: dict[str, Any], depth: int) -> Any:
        from ministack.services import lambda_svc

        arn = (function.get("config") or {}).get("FunctionArn", "")
        stopped = lineage.exhausted(lineage.current.get(), arn, function.get("recursive_loop"))
        return original(name, function, lambda_svc.MAX_INVOKE_DEPTH + 1) if stopped else None

    return drop


def _sns_to_lambda(original: Any) -> Any:
    """SNS invokes a function asynchronously (Developer Guide, "Invoking Lambda functions with Amazon SNS")."""

    def deliver(
        endpoint: str, envelope: str, topic_arn: str, sub_arn: str, msg_id: str, raw: str, attributes: Any
    ) -> None:
        from ministack.services import lambda_svc

        function, config, name = lambda_svc._get_func_record_for_ref(endpoint)
        if not function or not config:
            log.warning("SNS: no function %s", name)
            return
        record = {
            "EventVersion": "1.0",
            "EventSubscriptionArn": sub_arn,
            "EventSource": "aws:sns",
            "Sns": json.loads(envelope),
        }
        asynchronous.invoke(lambda_svc._execution_record_for_config(function, config), {"Records": [record]})

    hooks.require_parameters(original, "endpoint", "envelope", "topic_arn", "sub_arn")
    return deliver


def _apply_properties(physical_id: str, properties: dict[str, Any]) -> None:
    """AWS::Lambda::Function properties that the emulator's provisioner ignores."""
    from ministack.services import lambda_svc

    function = lambda_svc._functions.get(physical_id)
    if function is None:
        return
    reserved = properties.get("ReservedConcurrentExecutions")
    function["concurrency"] = int(reserved) if reserved is not None else None
    function["recursive_loop"] = properties.get("RecursiveLoop", "Terminate")
    if properties.get("DeadLetterConfig"):
        function["config"]["DeadLetterConfig"] = properties["DeadLetterConfig"]
    else:
        function["config"].pop("DeadLetterConfig", None)


def _cloudformation_properties() -> None:
    from ministack.services.cloudformation import provisioners

    handlers = hooks.require(provisioners, "_RESOURCE_HANDLERS")["AWS::Lambda::Function"]
    create, update = handlers["create"], handlers["update"]

    def created(logical_id: str, properties: dict[str, Any], *rest: Any, **named: Any) -> Any:
        result = create(logical_id, properties, *rest, **named)
        _apply_properties(result[0], properties)
        return result

    def updated(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any, **named: Any) -> Any:
        result = update(physical_id, old, new, *rest, **named)
        _apply_properties(result[0], new)
        return result

    handlers["create"], handlers["update"] = created, updated


def install(app: ModuleType) -> None:
    """Put this package's parts into the emulator."""
    from ministack.core import lambda_runtime
    from ministack.services import cloudwatch, lambda_svc, sns, sqs

    for name in ("_iter_all_esms", "_sqs_esm_concurrency", "_apply_filter_criteria", "_throttle_response"):
        hooks.require(lambda_svc, name)
    for name in ("_resolve_layer_zip", "_runtime_env_vars", "_get_func_record_for_ref", "MAX_INVOKE_DEPTH"):
        hooks.require(lambda_svc, name)
    for name in ("_workers", "_lock", "_worker_key", "kill_workers", "execution_credentials"):
        hooks.require(lambda_runtime, name)
    for name in ("_queue_by_arn", "_receive_messages_for_esm", "_delete_messages_for_esm"):
        hooks.require(sqs, name)
    hooks.require(cloudwatch, "record_metric")
    hooks.require_parameters(lambda_runtime.acquire_worker, "func_name", "config", "code_zip", "qualifier")
    hooks.require_parameters(lambda_runtime.ProvidedWorker.invoke, "trace_id", "invoked_function_arn")

    # Nothing outlives the server: no process, no extracted package.
    hooks.replace(lambda_svc, "_PROVIDED_CODE_CACHE", str(environment.root() / "code"))
    atexit.register(_end_processes)

    hooks.replace(lambda_svc, "_provided_worker_env", environment.variables)
    hooks.replace(lambda_svc, "_execute_function_provided_warm", _execute)
    hooks.replace(lambda_svc, "_emit_lambda_metrics", metrics.throttles_only)
    hooks.replace(lambda_svc, "_poll_loop", event_source.poll_forever)
    hooks.replace(lambda_svc, "invoke_async_with_retry", asynchronous.invoke)
    hooks.replace(lambda_svc, "_recursive_loop_drop", _drop_recursive(lambda_svc._recursive_loop_drop))
    hooks.replace(sqs, "_build_send_sys_attrs", _system_attributes(sqs._build_send_sys_attrs))
    hooks.replace(sns, "_deliver_to_lambda", _sns_to_lambda(sns._deliver_to_lambda))
    for service in ("sqs", "sns", "lambda"):
        app.SERVICE_HANDLERS[service] = _with_trace(app.SERVICE_HANDLERS[service])
    _cloudformation_properties()
