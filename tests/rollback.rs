//! `deployer rollback` and `releases`: what serves after going back, and what is written down.

use crate::aws::{PYTHON, Shop, address, get, writes};

/// A stack with three releases: words `first`, `second`, `third`.
fn three_releases(stack: &'static str) -> Shop {
    let shop = Shop::new(stack, &Shop::hello("hi"));
    shop.deploy();
    for word in ["second", "third"] {
        shop.code(word).deploy();
    }
    shop
}

#[test]
fn a_rollback_moves_the_alias_back_and_is_a_release_of_its_own() {
    let shop = Shop::new("back", &Shop::hello("hi"));
    let first = shop.deploy();
    shop.code("second").declare(&Shop::hello("hello")).deploy();
    let url = address(&first, "hello");
    assert_eq!(get(&url).body, "second hello 2");

    let run = shop.ends(0, &["rollback", "back", "--yes", "-vv"]);
    assert_eq!(get(&url).body, "first hi 1", "code and configuration are those of release 1");
    assert!(run.stderr.contains("back-dev serves release 1 again (recorded as release 3)"), "{}", run.text());
    assert_eq!(writes(&run), ["Lambda.UpdateAlias", "S3.PutObject"], "{}", run.text());

    let releases = shop.releases();
    assert_eq!(releases.len(), 3);
    assert_eq!(releases[2]["action"]["rollback"]["to"], 1);
    assert_eq!(releases[2]["outcome"]["result"], "succeeded");
    assert_eq!(releases[2]["functions"]["hello"]["version"], "1");
    let table = shop.ends(0, &["releases", "back"]).stdout;
    assert!(table.lines().any(|line| line.contains("rollback to 1") && line.contains("succeeded")), "{table}");

    // What is declared is still release 2's: deploying brings it back.
    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(plan.stdout.contains("Traffic: 1 → a new version"), "{}", plan.text());
    shop.deploy();
    assert!(get(&url).body.starts_with("second hello"));
    shop.is_settled();
}

#[test]
fn a_rollback_goes_to_a_release_by_number_and_twice_goes_back_twice() {
    let shop = three_releases("numbers");
    shop.ends(0, &["rollback", "numbers", "--yes"]);
    assert_eq!(shop.alias("hello"), "2");
    shop.ends(0, &["rollback", "numbers", "--yes"]);
    assert_eq!(shop.alias("hello"), "1");
    shop.ends(0, &["rollback", "numbers", "--to", "3", "--yes"]);
    assert_eq!(shop.alias("hello"), "3");
    let again = shop.ends(0, &["rollback", "numbers", "--to", "3", "--yes"]);
    assert!(again.stdout.contains("serves what it served with release 3"), "{}", again.text());
    let unknown = shop.ends(1, &["rollback", "numbers", "--to", "77", "--yes"]);
    assert!(unknown.stderr.contains("has no release 77; it has 1 to 6"), "{}", unknown.text());
    assert_eq!(shop.releases().len(), 6);
}

#[test]
fn a_rollback_with_nothing_to_go_back_to_says_so() {
    let shop = Shop::new("nowhere", &Shop::hello("hi"));
    let never = shop.ends(1, &["rollback", "nowhere", "--yes"]);
    assert!(never.stderr.contains("there is nothing to go back to: stack nowhere-dev has no release yet"), "{never:?}");
    shop.deploy();
    let once = shop.ends(1, &["rollback", "nowhere", "--yes"]);
    assert_eq!(
        once.stderr,
        "error: there is nothing to go back to: stack nowhere-dev has no release before number 1 that succeeded\n\
         now: nothing was changed\nnext: deployer releases nowhere --stage dev --sandbox\n"
    );
    assert_eq!(shop.releases().len(), 1);
}

#[test]
fn a_rollback_of_one_function_leaves_the_others() {
    let functions = format!("functions:\n  one: {{code: {PYTHON}}}\n  two: {{code: {PYTHON}}}\n");
    let shop = Shop::new("single", &functions);
    shop.deploy();
    shop.code("second").deploy();
    let unasked = shop.ends(6, &["rollback", "single", "--function", "two"]);
    let next = "next: deployer --sandbox rollback single --function two --yes\n";
    assert!(unasked.stderr.ends_with(next), "{}", unasked.text());
    shop.ends(0, &["rollback", "single", "--function", "two", "--yes"]);
    assert_eq!((shop.alias("one"), shop.alias("two")), ("2".to_owned(), "1".to_owned()));
    assert_eq!(shop.releases()[2]["functions"]["one"]["version"], "2");
    let unknown = shop.ends(2, &["rollback", "single", "--function", "three", "--yes"]);
    assert!(unknown.stderr.contains("no stack has a function `three`"), "{}", unknown.text());
}
