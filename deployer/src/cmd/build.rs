//! `deployer build`: the artifacts of the functions, without touching AWS.

use crate::artifact::{self, Artifact, Artifacts, Platform};
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::model::Stack;
use serde_json::{Value, json};

/// With `--sandbox` for this machine, dev profile; without, for AWS.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks whose functions are built; all when none is named
    #[arg(value_name = "STACK")]
    stacks: Vec<String>,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = crate::project::load(ctx, &args.stacks)?;
    let platform = if ctx.global.sandbox { Platform::Host } else { Platform::Aws };
    let artifacts = artifact::build(ctx, &project.sources, &project.stacks, platform).await?;
    let rows: Vec<(&Stack, &Artifacts)> = project.stacks.iter().zip(&artifacts).collect();
    ctx.result(&match ctx.format() {
        Format::Json => format!("{:#}\n", as_json(&rows)),
        Format::Markdown => markdown(&rows),
        Format::Terminal | Format::Html => table(&rows),
    });
    Ok(Exit::Done)
}

/// Stack, function, digest, size and place of one artifact.
fn cells(stack: &Stack, function: &str, artifact: &Artifact) -> [String; 5] {
    let (digest, size, place) = match artifact {
        Artifact::Zip { sha256, size, path, .. } => {
            (sha256.as_str()[..12].to_owned(), show_size(*size), path.display().to_string())
        }
        Artifact::Image { uri } => ("image".to_owned(), String::new(), uri.clone()),
    };
    [stack.name().to_string(), function.to_owned(), digest, size, place]
}

/// Bytes as people read them: `13.1 MB`.
fn show_size(bytes: u64) -> String {
    let tenths = |unit: u64| bytes.saturating_mul(10).div_ceil(unit);
    let (unit, name) = if bytes >= 1_000_000 { (1_000_000, "MB") } else { (1_000, "kB") };
    format!("{}.{} {name}", tenths(unit) / 10, tenths(unit) % 10)
}

fn table(rows: &[(&Stack, &Artifacts)]) -> String {
    let head = ["STACK", "FUNCTION", "ARTIFACT", "SIZE", "PATH"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(head).chain(all_cells(rows)).collect();
    let widths: [usize; 5] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for [stack, function, digest, size, place] in &lines {
        let [first, second, third, fourth, _] = widths;
        text.push_str(&format!("{stack:first$}  {function:second$}  {digest:third$}  {size:>fourth$}  {place}\n"));
    }
    text
}

fn markdown(rows: &[(&Stack, &Artifacts)]) -> String {
    let mut text = "| stack | function | artifact | size | path |\n| --- | --- | --- | ---: | --- |\n".to_owned();
    for line in all_cells(rows) {
        text.push_str(&format!("| {} |\n", line.join(" | ")));
    }
    text
}

fn all_cells(rows: &[(&Stack, &Artifacts)]) -> Vec<[String; 5]> {
    let of = |(stack, artifacts): &(&Stack, &Artifacts)| -> Vec<[String; 5]> {
        artifacts.iter().map(|(function, artifact)| cells(stack, function, artifact)).collect()
    };
    rows.iter().flat_map(of).collect()
}

fn as_json(rows: &[(&Stack, &Artifacts)]) -> Value {
    let one = |stack: &Stack, function: &str, artifact: &Artifact| match artifact {
        Artifact::Zip { sha256, code_sha256, size, path } => json!({
            "stack": stack.name(), "function": function, "sha256": sha256, "code_sha256": code_sha256,
            "size": size, "path": path,
        }),
        Artifact::Image { uri } => json!({ "stack": stack.name(), "function": function, "image": uri }),
    };
    let all: Vec<Value> = rows
        .iter()
        .flat_map(|(stack, artifacts)| artifacts.iter().map(|(name, artifact)| one(stack, name, artifact)))
        .collect();
    json!({ "format_version": 1, "artifacts": all })
}

#[cfg(test)]
mod tests {
    use super::show_size;

    #[test]
    fn sizes_have_one_decimal() {
        assert_eq!(show_size(13_702_123), "13.8 MB");
        assert_eq!(show_size(590), "0.6 kB");
    }
}
