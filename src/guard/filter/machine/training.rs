//! Trains the classifier over the texts of `tests/data/guard`.

use std::ops::Range;

use serde_json::Value;

use super::{super::cut::Cutter, BUCKETS, Cut, Weights, clauses, features};

/// Prose weighs more: what is taken for machine text is lost to the reader.
const PROSE_WEIGHT: f32 = 2.0;
/// A part of a sentence weighs less than the whole.
const PART_WEIGHT: f32 = 0.7;
const MACHINE_PART_WEIGHT: f32 = 0.5;
/// A part with so many bytes of what must not leave is machine text.
const MIN_OVERLAP_BYTES: usize = 12;
/// What of the bad texts is machine text; the others are told by what the instance knows, or by a form.
const CLASSES: [&str; 6] = ["sql", "code", "error", "tool", "name", "host"];

/// A piece of text and whether it is machine text, with its weight in training.
struct Example {
    buckets: Vec<u16>,
    is_machine: bool,
    weight: f32,
}

impl Example {
    fn new(text: &str, is_machine: bool, weight: f32) -> Self {
        let mut buckets = Vec::new();
        features(text, |bucket| buckets.push(bucket as u16));
        Self {
            buckets,
            is_machine,
            weight,
        }
    }
}

/// Trains the weights: squared hinge loss, AdaGrad, a fixed order. Only additions, products and square roots, so that the result is
/// the same everywhere.
fn train(examples: &[Example]) -> Weights {
    const ROUNDS: usize = 8;
    const RATE: f32 = 0.2;
    const DECAY: f32 = 2e-6;
    let (mut weights, mut seen) = (vec![0_f32; BUCKETS], vec![1e-6_f32; BUCKETS]);
    let (mut bias, mut bias_seen) = (0_f32, 1e-6_f32);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..ROUNDS {
        for at in (1..order.len()).rev() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            order.swap(at, (state % (at as u64 + 1)) as usize);
        }
        for example in order.iter().filter_map(|at| examples.get(*at)) {
            let norm = 1.0 / (example.buckets.len().max(1) as f32).sqrt();
            let sum: f32 = example
                .buckets
                .iter()
                .map(|bucket| weights[usize::from(*bucket)])
                .sum();
            let sign = if example.is_machine { 1.0 } else { -1.0 };
            let short = 1.0 - sign * (sum * norm + bias);
            if short <= 0.0 {
                continue;
            }
            let slope = -sign * short * example.weight;
            for bucket in &example.buckets {
                let at = usize::from(*bucket);
                let gradient = slope * norm + DECAY * weights[at];
                seen[at] += gradient * gradient;
                weights[at] -= RATE * gradient / seen[at].sqrt();
            }
            bias_seen += slope * slope;
            bias -= RATE * slope / bias_seen.sqrt();
        }
    }
    let mut sizes: Vec<f32> = weights.iter().map(|weight| weight.abs()).collect();
    sizes.sort_by(f32::total_cmp);
    let step = sizes[BUCKETS - BUCKETS / 2000] / 127.0;
    Weights {
        bias,
        step,
        weights: weights
            .iter()
            .map(|weight| (weight / step).round().clamp(-127.0, 127.0) as i8)
            .collect(),
    }
}

impl Weights {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.bias.to_le_bytes().to_vec();
        bytes.extend(self.step.to_le_bytes());
        bytes.extend(self.weights.iter().map(|weight| weight.cast_unsigned()));
        bytes
    }
}

fn lines(name: &str) -> Vec<Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/guard")
        .join(name);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn segments(text: &str) -> Vec<Range<usize>> {
    let mut cutter = Cutter::default();
    cutter.push(text);
    let (mut at, mut out) = (0, Vec::new());
    while let Some(segment) = cutter.next(true) {
        out.push(at..at + segment.len());
        at += segment.len();
    }
    out
}

fn parts(segment: &str) -> Vec<Range<usize>> {
    [Cut::Coarse, Cut::Fine]
        .into_iter()
        .map(|cut| clauses(segment, cut))
        .filter(|parts| parts.len() > 1)
        .flatten()
        .collect()
}

fn prose(text: &str, examples: &mut Vec<Example>) {
    for segment in segments(text) {
        let segment = &text[segment];
        examples.push(Example::new(segment, false, PROSE_WEIGHT));
        let parts = parts(segment).into_iter();
        examples.extend(
            parts.map(|part| Example::new(&segment[part], false, PROSE_WEIGHT * PART_WEIGHT)),
        );
    }
}

fn machine(text: &str, never: &[&str], examples: &mut Vec<Example>) {
    let found: Vec<Range<usize>> = never
        .iter()
        .filter_map(|never| text.find(never).map(|at| at..at + never.len()))
        .collect();
    let overlap = |range: &Range<usize>| -> usize {
        let common = found.iter().map(|found| {
            found
                .end
                .min(range.end)
                .saturating_sub(found.start.max(range.start))
        });
        common.sum()
    };
    for segment in segments(text) {
        if overlap(&segment) == 0 {
            continue;
        }
        let (start, segment) = (segment.start, &text[segment]);
        examples.push(Example::new(segment, true, 1.0));
        for part in parts(segment) {
            let common = overlap(&(start + part.start..start + part.end));
            if common * 3 >= segment[part.clone()].trim().len() && common > 0
                || common >= MIN_OVERLAP_BYTES
            {
                examples.push(Example::new(&segment[part], true, MACHINE_PART_WEIGHT));
            }
        }
    }
    let long = never.iter().filter(|never| never.len() > 5);
    examples.extend(long.map(|never| Example::new(never, true, MACHINE_PART_WEIGHT)));
}

/// The examples in the texts of `tests/data/guard`.
fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for line in ["must-pass.jsonl", "last-fresh-good.jsonl"]
        .into_iter()
        .flat_map(lines)
    {
        prose(line["text"].as_str().unwrap(), &mut examples);
    }
    for line in ["must-not-pass.jsonl", "last-fresh-bad.jsonl"]
        .into_iter()
        .flat_map(lines)
    {
        if CLASSES.contains(&line["class"].as_str().unwrap()) {
            let never: Vec<&str> = line["never"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            machine(line["text"].as_str().unwrap(), &never, &mut examples);
        }
    }
    examples
}

/// With `DAYBRIEF_TRAIN=1` the weights are written anew.
#[test]
fn the_weights_are_those_that_training_gives() {
    let bytes = train(&examples()).to_bytes();
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guard/filter/machine.weights");
    if std::env::var("DAYBRIEF_TRAIN").is_ok_and(|train| train == "1") {
        std::fs::write(&path, &bytes).unwrap();
    }
    assert!(
        std::fs::read(&path).unwrap() == bytes,
        "the texts or the features changed: run tests/train-guard"
    );
}
