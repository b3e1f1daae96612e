//! Replacement and deletion: what holds data goes only when that was allowed, and what is gone can be made again.

use crate::aws::{ACCOUNT, PYTHON, Shop, writes};

#[test]
fn a_replacement_is_blocked_until_it_is_allowed() {
    let text = |name: &str| format!("queues: {{jobs: {{name: {name}}}}}\n");
    let shop = Shop::new("replace", &text("replace-old"));
    shop.deploy();
    shop.declare(&text("replace-new"));

    let refused = shop.ends(6, &["deploy", "--yes", "-vv"]);
    assert!(refused.stdout.contains("± replace SQS Queue"), "{}", refused.text());
    assert!(refused.stdout.contains("QueueName: replace-old → replace-new"), "{}", refused.text());
    assert!(refused.stderr.contains("now: nothing was changed"), "{}", refused.text());
    assert!(
        refused.stderr.contains("next: deployer --sandbox deploy --yes -vv --allow delete-data"),
        "{}",
        refused.text()
    );
    let wrong = shop.ends(6, &["deploy", "--yes", "--allow", "replace"]);
    assert!(wrong.stderr.contains("would lose what it holds"), "{}", wrong.text());
    assert_eq!((shop.open_change_sets(), shop.releases().len()), (0, 1));

    shop.ends(0, &["deploy", "--yes", "--allow", "delete-data"]);
    shop.is_settled();
}

#[test]
fn a_bucket_outlives_its_stack_unless_its_deletion_is_allowed() {
    let shop = Shop::new("keeping", "buckets: {files: {}}\n");
    let bucket = format!("/keeping-dev-files-{ACCOUNT}");
    shop.deploy();
    assert_eq!(shop.s3(&format!("PUT {bucket}/a.txt"), "text").status, 200);

    let kept = shop.ends(0, &["destroy", "keeping", "--yes"]);
    assert!(kept.stdout.contains("kept in AWS"), "{}", kept.text());
    assert!(kept.stderr.contains("keeping-dev is gone"), "{}", kept.text());
    assert_eq!(shop.status(), "");
    assert_eq!(shop.s3(&format!("GET {bucket}/a.txt"), "").body, "text");
    let again = shop.ends(0, &["destroy", "keeping", "--yes", "-vv"]);
    assert_eq!(writes(&again), Vec::<String>::new());

    // The name is taken, and CloudFormation only says where to ask why.
    let taken = shop.ends(1, &["deploy", "--yes"]);
    let why = "FilesBucket: Resource of type 'AWS::S3::Bucket' with identifier 'keeping-dev-files-000000000000' already \
               exists; delete it, choose another `name:`, or take over what has a `name:` with --import-existing";
    assert!(taken.stderr.contains(why), "{}", taken.text());
    assert_eq!(shop.s3(&format!("GET {bucket}/a.txt"), "").body, "text");
    shop.ends(0, &["destroy", "keeping", "--yes"]);
    shop.s3(&format!("DELETE {bucket}/a.txt"), "");
    shop.s3(&format!("DELETE {bucket}"), "");
    shop.deploy();
    shop.is_settled();
}

#[test]
fn an_allowed_deletion_takes_the_objects_and_leaves_room_for_the_next() {
    let shop = Shop::new(
        "clearing",
        &format!("buckets: {{files: {{versioned: true}}}}\nfunctions: {{work: {{code: {PYTHON}}}}}\n"),
    );
    let bucket = format!("/clearing-dev-files-{ACCOUNT}");
    shop.deploy();
    for text in ["one", "two"] {
        assert_eq!(shop.s3(&format!("PUT {bucket}/a.txt"), text).status, 200);
    }
    let refused = shop.ends(6, &["destroy", "clearing", "--allow", "delete-data"]);
    assert!(refused.stdout.contains("loses data"), "{}", refused.text());
    let next = "next: deployer --sandbox destroy clearing --allow delete-data --yes\n";
    assert!(refused.stderr.ends_with(next), "what was allowed stays in the command: {}", refused.text());
    assert_eq!(shop.s3(&format!("GET {bucket}/a.txt"), "").body, "two");

    let run = shop.ends(0, &["destroy", "clearing", "--yes", "--allow", "delete-data", "-vv"]);
    // The sandbox would delete a bucket with all that is in it; AWS does not.
    assert!(writes(&run).contains(&"S3.DeleteObjects".to_owned()), "{}", run.text());
    assert_eq!(shop.s3(&format!("HEAD {bucket}"), "").status, 404);
    assert_eq!(shop.status(), "");

    shop.deploy();
    assert_eq!(shop.alias("work"), "1");
    let numbers: Vec<_> = shop.releases().iter().filter_map(|release| release["number"].as_u64()).collect();
    assert_eq!(numbers, [1, 2, 3], "the ledger goes on");
    let back = shop.ends(1, &["rollback", "clearing", "--yes"]);
    assert!(back.stderr.contains("there is nothing to go back to"), "{}", back.text());
    shop.is_settled();
}

#[test]
fn a_deletion_has_to_name_its_stacks() {
    let shop = Shop::new("unnamed", "queues: {jobs: {}}\n");
    shop.deploy();
    let run = shop.ends(2, &["destroy", "--yes"]);
    assert!(run.stderr.contains("<STACKS>"), "{}", run.text());
    assert_eq!(shop.status(), "CREATE_COMPLETE");
}

#[test]
fn stacks_are_deployed_in_the_order_of_their_imports_and_deleted_the_other_way() {
    // By name the importer comes first.
    let shop = Shop::new("aaa-importer", "functions: {}\n");
    shop.declare(&format!("functions:\n  work: {{code: {PYTHON}, env: {{QUEUE: {{import: zzz-jobs}}}}}}\n"));
    let exporter = format!("stack: zzz-exporter\nstages: {{dev: {{region: {}}}}}\n", shop.region)
        + "queues: {jobs: {}}\nexports: {zzz-jobs: {queue: jobs}}\n";
    shop.project.write("stacks/zzz-exporter.yaml", exporter);

    let run = shop.ends(0, &["deploy", "--yes"]);
    let position = |text: &str| run.stderr.find(text).unwrap_or_else(|| panic!("no {text} in {}", run.text()));
    assert!(position("release 1 of zzz-exporter-dev is live") < position("release 1 of aaa-importer-dev is live"));
    shop.is_settled();

    let refused = shop.ends(1, &["destroy", "zzz-exporter", "--yes"]);
    assert!(refused.stderr.contains("zzz-jobs") && refused.stderr.contains("aaa-importer-dev"), "{}", refused.text());
    assert!(refused.stderr.contains("now: stack zzz-exporter-dev is still there"), "{}", refused.text());
    shop.ends(0, &["plan", "--exit-code"]);

    shop.ends(0, &["destroy", "zzz-exporter", "aaa-importer", "--yes"]);
    assert_eq!(shop.status(), "");
}
