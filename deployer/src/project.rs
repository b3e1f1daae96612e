//! Finds and reads the project's files, and loads the stacks that a command was asked for.
//!
//! Order comes from all stacks of the project, also from those that were not asked for; see `order`.

use crate::courses;
use crate::ctx::Ctx;
use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::exit::Failure;
use crate::model::{self, Loaded, Stack, board, watched};
use crate::order::{self, Needs};
use crate::source::{FileId, Source, Sources, Span, Spanned};
use crate::yaml::MAX_BYTES;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The stacks of one run, sound, in dependency order.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) sources: Sources,
    pub(crate) stacks: Vec<Stack>,
    /// Warnings; errors never get this far.
    pub(crate) warnings: Diagnostics,
}

impl Project {
    /// The one stack that has a function of this name.
    ///
    /// # Errors
    /// `Failure::Usage` when none has, or several.
    pub(crate) fn having(&self, function: &str) -> Result<&Stack, Failure> {
        let having: Vec<_> = self.stacks.iter().filter(|stack| stack.file.functions.contains_key(function)).collect();
        match having.as_slice() {
            [stack] => Ok(stack),
            [] => Err(unknown_function(function)),
            several => {
                let names: Vec<&str> = several.iter().map(|stack| stack.file.stack.as_str()).collect();
                Err(Failure::usage(
                    format!("{} stacks have a function `{function}`", several.len()),
                    format!("add `--stack` and one of: {}", names.join(", ")),
                ))
            }
        }
    }
}

/// That a function on the command line is in no stack file.
pub(crate) fn unknown_function(name: &str) -> Failure {
    Failure::usage(format!("no stack has a function `{name}`"), "`deployer status` lists the functions")
}

/// The stack files of a project, read but not understood.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) sources: Sources,
    /// Files that the command asked for, in the order of their names.
    pub(crate) asked: Vec<FileId>,
    /// All others of `stacks/`.
    pub(crate) others: Vec<FileId>,
    /// Files whose bytes are no text: reported, not to be parsed.
    unreadable: Vec<FileId>,
    /// What was wrong with the bytes.
    pub(crate) diagnostics: Diagnostics,
}

/// Loads the stacks called `names` (or the files at these paths), or every stack of the project.
///
/// # Errors
/// `Failure::Input` with every mistake of every file asked for; `Failure::Usage` for a name that is no stack.
pub(crate) fn load(ctx: &Ctx, names: &[String]) -> Result<Project, Failure> {
    let files = read(ctx, names)?;
    let Files { sources, asked, others, unreadable, mut diagnostics } = files;
    let stage = ctx.global.stage.as_deref();
    let load = |file: FileId| model::load(&sources, file, stage, ctx.global.sandbox, &ctx.environment);

    let mut loaded: Vec<(FileId, Loaded)> =
        asked.iter().filter(|file| !unreadable.contains(file)).map(|file| (*file, load(*file))).collect();
    if names.is_empty() {
        leave_out_other_stages(stage, &mut loaded);
    }
    for (_, one) in &loaded {
        diagnostics.extend(one.diagnostics.clone());
        one.stack.iter().for_each(|stack| courses::missing(&ctx.root, stack, &mut diagnostics));
    }
    let rest: Vec<(FileId, Loaded)> = others.iter().map(|file| (*file, load(*file))).collect();
    let needs: Vec<Needs> = loaded.iter().chain(&rest).map(|(file, one)| needs(*file, one, &sources)).collect();
    let (found, positions) = between(&needs, &asked);
    diagnostics.extend(found);

    let diagnostics = diagnostics.sorted();
    if diagnostics.has_errors() {
        return Err(Failure::Input { diagnostics, sources });
    }
    let mut stacks: Vec<Stack> = loaded.into_iter().filter_map(|(_, one)| one.stack).collect();
    stacks.sort_by_key(|stack| positions.get(stack.file.stack.as_str()).copied());
    Ok(Project { sources, stacks, warnings: diagnostics })
}

/// What `check` found: every stack in every stage.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) sources: Sources,
    /// Sorted by stack; one for each stage.
    pub(crate) stacks: Vec<Stack>,
    pub(crate) diagnostics: Diagnostics,
}

/// Loads the stacks called `names`, or all, in the stage that was chosen, or else in each of theirs.
///
/// # Errors
/// `Failure::Usage` as [`load`]; mistakes in the files are in the result.
pub(crate) fn check(ctx: &Ctx, names: &[String]) -> Result<Checked, Failure> {
    let Files { sources, asked, others, unreadable, mut diagnostics } = read(ctx, names)?;
    let load = |file: FileId| -> Vec<Loaded> {
        let stages = match &ctx.global.stage {
            Some(stage) => vec![stage.clone()],
            None => model::stages(&sources, file),
        };
        if stages.is_empty() {
            return vec![model::load(&sources, file, None, ctx.global.sandbox, &ctx.environment)];
        }
        let load = |stage: &String| model::load(&sources, file, Some(stage), ctx.global.sandbox, &ctx.environment);
        stages.iter().map(load).collect()
    };
    let readable: Vec<FileId> = asked.iter().copied().filter(|file| !unreadable.contains(file)).collect();
    let mut loaded: Vec<(FileId, Loaded)> =
        readable.iter().flat_map(|file| load(*file).into_iter().map(|one| (*file, one))).collect();
    if names.is_empty() {
        leave_out_other_stages(ctx.global.stage.as_deref(), &mut loaded);
    }
    let load = |file: &FileId| load(*file).into_iter().map(|one| (*file, one)).collect::<Vec<_>>();
    let rest: Vec<(FileId, Loaded)> = others.iter().flat_map(load).collect();
    // Each stage of a stack has needs of its own; what they share is said once.
    let all = || loaded.iter().chain(&rest);
    let mut stages: Vec<Option<&str>> = all().map(|(_, one)| one.stage.as_deref()).collect();
    stages.sort_unstable();
    stages.dedup();
    for stage in stages.into_iter().flatten() {
        let here = all().filter(|(_, one)| one.stage.as_deref().is_none_or(|name| name == stage));
        let needs: Vec<Needs> = here.map(|(file, one)| needs(*file, one, &sources)).collect();
        diagnostics.extend(between(&needs, &asked).0);
    }
    let mut stacks = Vec::new();
    for (_, one) in loaded {
        diagnostics.extend(one.diagnostics);
        one.stack.iter().for_each(|stack| courses::missing(&ctx.root, stack, &mut diagnostics));
        stacks.extend(one.stack);
    }
    Ok(Checked { sources, stacks, diagnostics: diagnostics.sorted() })
}

/// What a stack needs; of a file that could not be parsed, only its name is known.
fn needs(file: FileId, loaded: &Loaded, sources: &Sources) -> Needs {
    loaded.tree.as_ref().and_then(order::needs).unwrap_or_else(|| {
        let name = order::stack_name(file, sources.get(file));
        let span = Span { file, start: 0, end: 0 };
        Needs { name: Spanned::new(name, span), after: Vec::new(), exports: Vec::new(), imports: Vec::new() }
    })
}

/// Mistakes between stacks, where a file that was asked for is involved, and the position of each stack.
fn between(needs: &[Needs], asked: &[FileId]) -> (Diagnostics, HashMap<String, usize>) {
    let mut found = Diagnostics::default();
    let positions = order::positions(needs, &mut found);
    found.0.retain(|diagnostic| diagnostic.labels.iter().any(|label| asked.contains(&label.span.file)));
    (found, positions)
}

/// Where every stack was asked for, one that does not have the stage is left out with a warning, as long as another
/// one has it.
fn leave_out_other_stages(stage: Option<&str>, loaded: &mut [(FileId, Loaded)]) {
    if stage.is_none() || loaded.iter().all(|(_, one)| one.stack.is_none()) {
        return;
    }
    for (_, one) in loaded {
        if let [diagnostic] = one.diagnostics.0.as_mut_slice()
            && diagnostic.code == "D0303"
        {
            diagnostic.severity = crate::diag::Severity::Warning;
            diagnostic.help = Some("the stack is left out; name it to make this an error".to_owned());
        }
    }
}

/// Finds and reads the stack files.
///
/// # Errors
/// `Failure::Usage` when there is none, or when a name is neither a stack nor a file.
pub(crate) fn read(ctx: &Ctx, names: &[String]) -> Result<Files, Failure> {
    let folder = ctx.root.join("stacks");
    let is_path = |name: &str| name.ends_with(".yaml") || name.ends_with(".yml") || name.contains(['/', '\\']);
    if !folder.is_dir() && (names.is_empty() || !names.iter().all(|name| is_path(name))) {
        return Err(Failure::usage(
            "there is no folder `stacks` here or above",
            "change to the project, or point at it with --root DIR",
        ));
    }
    let mut paths = yaml_files(&folder).map_err(|error| {
        Failure::usage(
            format!("the folder {} cannot be read: {error}", folder.display()),
            "create `stacks/` with one YAML file per stack, or point at the project with --root DIR",
        )
    })?;
    let mut wanted_paths = Vec::new();
    for name in names.iter().filter(|name| is_path(name)) {
        let path = absolute(ctx, name);
        if !paths.contains(&path) {
            paths.push(path.clone());
        }
        wanted_paths.push(path);
    }
    if paths.is_empty() {
        return Err(Failure::usage(
            format!("there is no stack file in {}", folder.display()),
            "create stacks/NAME.yaml beginning with `stack: NAME` and `stages: {dev: {region: …}}`",
        ));
    }

    let mut files = Files::default();
    library(ctx, &mut files)?;
    let mut ids: BTreeMap<PathBuf, FileId> = BTreeMap::new();
    for path in &paths {
        let must_exist = names.is_empty() || wanted_paths.contains(path);
        let id = add(ctx, path, &mut files, must_exist)?;
        ids.insert(path.clone(), id);
    }
    let stacks: Vec<(String, FileId)> =
        ids.values().map(|id| (order::stack_name(*id, files.sources.get(*id)), *id)).collect();

    for (name, path) in names.iter().map(|name| (name, absolute(ctx, name))) {
        let found = match ids.get(&path).filter(|_| is_path(name)) {
            Some(id) => vec![*id],
            None => stacks.iter().filter(|(stack, _)| stack == name).map(|(_, id)| *id).collect(),
        };
        if found.is_empty() {
            let known = stacks.iter().map(|(stack, _)| stack.as_str());
            let help = match nearest(name, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("stacks of this project: {}", known.collect::<Vec<_>>().join(", ")),
            };
            return Err(Failure::usage(format!("there is no stack called `{name}`"), help));
        }
        for id in found.into_iter().filter(|id| !files.asked.contains(id)).collect::<Vec<_>>() {
            files.asked.push(id);
        }
    }
    if names.is_empty() {
        files.asked = ids.values().copied().collect();
    }
    files.others = ids.values().copied().filter(|id| !files.asked.contains(id)).collect();
    // What is wrong with the bytes of a file that nobody asked for is not said.
    let asked = &files.asked;
    files.diagnostics.0.retain(|diagnostic| {
        let is_about = |file: FileId| asked.contains(&file) || !files.others.contains(&file);
        diagnostic.labels.iter().any(|label| is_about(label.span.file))
    });
    Ok(files)
}

/// The project's alarm sets and dashboards; and those that come with the tool, unless the project has its own of the name.
fn library(ctx: &Ctx, files: &mut Files) -> Result<(), Failure> {
    for folder in [watched::FOLDER, board::FOLDER] {
        let paths = yaml_files(&ctx.root.join(folder)).map_err(|error| {
            Failure::usage(format!("the folder {folder} cannot be read: {error}"), "check its permissions")
        })?;
        for path in paths {
            add(ctx, &path, files, true)?;
        }
    }
    for (name, text) in BUILT_IN {
        let (folder, rest) = name.split_once('/').unwrap_or((name, ""));
        if watched::find(&files.sources, folder, rest.trim_end_matches(".yaml")).is_none() {
            let name = name.replace(".yaml", ".yaml (built in)");
            files.sources.add(Source { name, text: (*text).to_owned() });
        }
    }
    Ok(())
}

/// Files that every project has.
const BUILT_IN: &[(&str, &str)] = &[
    ("alarms/critical.yaml", include_str!("../../alarms/critical.yaml")),
    ("alarms/warning.yaml", include_str!("../../alarms/warning.yaml")),
    ("dashboards/operations.yaml", include_str!("../../dashboards/operations.yaml")),
    ("dashboards/technical.yaml", include_str!("../../dashboards/technical.yaml")),
];

fn absolute(ctx: &Ctx, name: &str) -> PathBuf {
    let path = ctx.folder.join(name);
    fs::canonicalize(&path).unwrap_or(path)
}

/// `*.yaml` and `*.yml` in a folder, sorted; none where there is no folder.
fn yaml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    if !folder.is_dir() {
        return Ok(paths);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_yaml && !is_hidden && path.is_file() {
            paths.push(fs::canonicalize(&path).unwrap_or(path));
        }
    }
    paths.sort();
    Ok(paths)
}

/// Reads one file. What is no UTF-8 becomes a diagnostic and an empty text.
fn add(ctx: &Ctx, path: &Path, files: &mut Files, must_exist: bool) -> Result<FileId, Failure> {
    let name = path.strip_prefix(&ctx.root).unwrap_or(path).display().to_string();
    let mut bytes = Vec::new();
    // One byte more than is allowed: enough for `yaml` to refuse it.
    let read = fs::File::open(path).and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        if must_exist {
            return Err(Failure::usage(
                format!("{name} cannot be read: {error}"),
                "check the path and its permissions",
            ));
        }
        bytes.clear();
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        bytes.drain(..3);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(files.sources.add(Source { name, text })),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            // Up to the bad byte the text can be shown; the rest is read as if it were not there.
            let mut text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let end = valid + text[valid..].chars().next().map_or(0, char::len_utf8);
            let line = text[..valid].matches('\n').count() + 1;
            let byte = error.as_bytes()[valid];
            let line_end = text[end..].find('\n').map_or(text.len(), |newline| end + newline);
            text.truncate(line_end);
            let id = files.sources.add(Source { name, text });
            files.diagnostics.push(
                Diagnostic::error("D0107", "not UTF-8")
                    .at(Span { file: id, start: valid, end }, format!("the byte 0x{byte:02X} in line {line}"))
                    .help("save the file as UTF-8"),
            );
            files.unreadable.push(id);
            Ok(id)
        }
    }
}
