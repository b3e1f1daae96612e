//! The commit that the project stands on. Absent where there is no git, never an error.

use crate::ctx::Ctx;
use crate::release::Commit;

/// The checked-out commit of the project's folder.
pub(crate) async fn commit(ctx: &Ctx) -> Option<Commit> {
    let (head, dirty) = futures::join!(
        git(ctx, &["log", "-1", "--format=%H %s"]),
        git(ctx, &["status", "--porcelain", "--untracked-files=no"]),
    );
    let head = head?;
    let (id, subject) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
    Some(Commit {
        id: id.to_owned(),
        subject: subject.to_owned(),
        dirty: dirty.is_some_and(|text| !text.trim().is_empty()),
    })
}

async fn git(ctx: &Ctx, arguments: &[&str]) -> Option<String> {
    let output = tokio::process::Command::new("git").arg("-C").arg(&ctx.root).args(arguments).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
