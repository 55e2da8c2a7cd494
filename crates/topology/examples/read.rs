//! How long it takes to read documents, as a function does when it starts: `read FILE…` prints the median of many times, in milliseconds.

use std::time::Instant;

const TIMES: usize = 101;

#[allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<(String, String)> = std::env::args()
        .skip(1)
        .map(|file| std::fs::read_to_string(&file).map(|text| (file, text)))
        .collect::<Result<_, _>>()?;
    let mut times = vec![];
    for _ in 0..TIMES {
        let started = Instant::now();
        let catalog = topology::document::read_all(files.clone());
        times.push(started.elapsed());
        if catalog.topologies.len() != files.len() {
            return Err(format!("refused: {:#?}", catalog.refused).into());
        }
    }
    times.sort();
    println!("{:.2}", times[TIMES / 2].as_secs_f64() * 1e3);
    Ok(())
}
