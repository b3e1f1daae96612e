//! Random histories against a small model: deployments, rollbacks, changes by hand, kills and two deployments at once. Whatever
//! the order, what is served is what the model says, both functions of a release serve the same, every alias points at a
//! version that exists, and the ledger has no gap.

use crate::aws::Shop;
use crate::faults::{Kind, before, declared, ledger, through, undisturbed};
use crate::proxy::{Fault, Script};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Stdio;

/// xorshift64*: the same numbers for the same seed, everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).expect("31 bits") % end
    }
}

/// Code and configuration: what a release is about.
type Content = (String, String);

/// What ought to be.
struct Model {
    declared: Content,
    served: Content,
    /// By the number of the release.
    contents: BTreeMap<u64, Content>,
}

fn word(dice: &mut Dice) -> String {
    ["ant", "bee", "cat", "dog", "eel"][dice.below(5)].to_owned()
}

/// What a function answers: the word of its code and its greeting.
fn answer(shop: &Shop, function: &str) -> Content {
    let answer = shop.invoke(function);
    let body = answer["body"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let mut words = body.split(' ').map(str::to_owned);
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

/// The release that a rollback ought to go to, told anew: the newest deployment that stands below what is live.
fn target(releases: &[Value]) -> Option<u64> {
    let stands = |release: &&Value| release["outcome"]["result"] == "succeeded";
    let current = releases.iter().rev().find(stands)?;
    let ceiling = current["action"]["rollback"]["to"].as_u64().or(current["number"].as_u64())?;
    let deployments = releases.iter().rev().filter(stands).filter(|release| release["action"] == "deploy");
    deployments.filter_map(|release| release["number"].as_u64()).find(|number| *number < ceiling)
}

fn newest(shop: &Shop) -> u64 {
    shop.releases().last().and_then(|release| release["number"].as_u64()).unwrap_or(0)
}

impl Model {
    fn deploy(&mut self, shop: &Shop) {
        shop.deploy();
        self.served.clone_from(&self.declared);
        self.contents.insert(newest(shop), self.declared.clone());
        shop.is_settled();
    }

    fn step(&mut self, shop: &Shop, dice: &mut Dice) -> String {
        match dice.below(6) {
            0 | 1 => {
                self.declared = (word(dice), word(dice));
                shop.code(&self.declared.0).declare(&declared(&self.declared.1));
                self.deploy(shop);
                format!("deploy {:?}", self.declared)
            }
            2 => {
                let releases = shop.releases();
                let Some(to) = target(&releases) else {
                    shop.ends(1, &["rollback", "--yes"]);
                    return "rollback to nothing".to_owned();
                };
                shop.ends(0, &["rollback", "--yes"]);
                self.served.clone_from(&self.contents[&to]);
                format!("rollback to {to}")
            }
            3 => {
                let memory = 256 + 64 * dice.below(4);
                shop.lambda("PUT", "work", "configuration", &json!({ "MemorySize": memory }));
                format!("somebody sets {memory} MB")
            }
            4 => {
                self.declared = (word(dice), word(dice));
                shop.code(&self.declared.0).declare(&declared(&self.declared.1));
                let calls = &undisturbed(Kind::Update).1;
                let (name, nth) = &calls[dice.below(calls.len())];
                let at = (name.replace("SHOP", shop.stack), *nth);
                let told = format!("killed at {} no. {nth} while deploying {:?}", at.0, self.declared);
                through(shop, Script { at: Some((at, Fault::Kill)), ..Script::default() });
                self.deploy(shop);
                told
            }
            _ => {
                self.declared = (word(dice), word(dice));
                shop.code(&self.declared.0).declare(&declared(&self.declared.1));
                let start = || {
                    let mut command = shop.project.command(&["--sandbox", "deploy", "--yes", "--wait"]);
                    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the built binary runs")
                };
                let both =
                    [start(), start()].map(|child| shop.project.ended(&child.wait_with_output().expect("it ends")));
                assert!(both.iter().all(|run| run.code == 0), "{}{}", both[0].text(), both[1].text());
                self.deploy(shop);
                format!("two deploy {:?}", self.declared)
            }
        }
    }
}

fn history(seed: u64, length: usize) {
    let (shop, mut dice) = (before(Kind::New), Dice(seed));
    let first = ("first".to_owned(), "old".to_owned());
    let mut model = Model { declared: first.clone(), served: first, contents: BTreeMap::new() };
    model.deploy(&shop);
    let mut told = Vec::new();
    for _ in 0..length {
        told.push(model.step(&shop, &mut dice));
        let story = || format!("seed {seed}: {}", told.join("; "));
        let served = [answer(&shop, "hello"), answer(&shop, "work")];
        assert_eq!(served[0], served[1], "two functions of one release are apart\n{}", story());
        assert_eq!(served[0], model.served, "{}", story());
        ledger(&shop).unwrap_or_else(|why| panic!("{why}\n{}", story()));
        for function in ["hello", "work"] {
            let versions = shop.lambda("GET", function, "versions", &Value::Null);
            let alias = shop.alias(function);
            let exists =
                versions["Versions"].as_array().is_some_and(|all| all.iter().any(|one| one["Version"] == *alias));
            assert!(exists, "{function} serves version {alias}, which does not exist\n{}", story());
        }
    }
    eprintln!("seed {seed}: {}", told.join("; "));
}

#[test]
fn a_random_history_keeps_its_promises() {
    history(20_261_120, 12);
}

#[test]
#[ignore = "eight long histories take minutes; one short one is always tried"]
fn many_random_histories_keep_their_promises() {
    (1..=8).for_each(|seed| history(seed * 0x9E37_79B9, 25));
}
