//! A small layered layout: every edge leads to the right, connected parts stand together, what has no edge comes last.
//!
//! Pure and deterministic; knows sizes and edges only. After Sugiyama, Tagawa and Toda: break cycles, assign layers, order
//! within layers by the middle of the neighbours, then straighten.

/// Size of a node. Pixels.
pub(super) const WIDTH: f64 = 196.0;
pub(super) const HEIGHT: f64 = 50.0;
/// Between layers, between nodes of a layer, between parts that are not connected.
const GAP_X: f64 = 40.0;
const GAP_Y: f64 = 16.0;
const GAP_PARTS: f64 = 26.0;
/// Height that an edge takes where it passes a layer.
const LANE: f64 = 8.0;
/// Width that parts are arranged in, unless one is wider.
const PAGE: f64 = 1_140.0;

/// Where everything stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Upper left corner of every node.
    pub(super) nodes: Vec<(f64, f64)>,
    /// The path of every edge, as SVG writes it; empty for one from a node to itself.
    pub(super) edges: Vec<String>,
}

/// Places `count` nodes. `edges` hold indexes below `count`.
pub(super) fn place(count: usize, edges: &[(usize, usize)]) -> Layout {
    let mut layout =
        Layout { nodes: vec![(0.0, 0.0); count], edges: vec![String::new(); edges.len()], ..Layout::default() };
    let (connected, alone): (Vec<_>, Vec<_>) = parts(count, edges).into_iter().partition(|part| part.len() > 1);
    // Shelves: a part goes beside the one before as long as there is room.
    let (mut x, mut y, mut shelf) = (0.0, 0.0, 0.0_f64);
    for part in &connected {
        let placed = layered(part, edges);
        if x > 0.0 && x + placed.width > PAGE {
            (x, y, shelf) = (0.0, y + shelf + GAP_PARTS, 0.0);
        }
        for (node, (left, top)) in part.iter().zip(&placed.nodes) {
            layout.nodes[*node] = (x + left, y + top);
        }
        for (edge, points) in placed.edges {
            layout.edges[edge] = path(points.iter().map(|(left, top)| (x + left, y + top)));
        }
        layout.width = layout.width.max(x + placed.width);
        shelf = shelf.max(placed.height);
        x += placed.width + GAP_PARTS;
    }
    layout.height = y + shelf;
    let gap = if connected.is_empty() { 0.0 } else { GAP_PARTS };
    let step = WIDTH + GAP_Y;
    let columns = ((layout.width.max(PAGE) + GAP_Y) / step).floor().max(1.0);
    for (position, node) in alone.iter().flatten().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "as many nodes as a template has resources")]
        let position = position as f64;
        let (column, row) = (position % columns, (position / columns).floor());
        let spot = (column * step, y + shelf + gap + row * (HEIGHT + GAP_Y));
        layout.nodes[*node] = spot;
        layout.width = layout.width.max(spot.0 + WIDTH);
        layout.height = layout.height.max(spot.1 + HEIGHT);
    }
    layout
}

/// The nodes that hang together, each part in order.
fn parts(count: usize, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut part: Vec<usize> = (0..count).collect();
    fn root(part: &mut [usize], mut node: usize) -> usize {
        while part[node] != node {
            part[node] = part[part[node]];
            node = part[node];
        }
        node
    }
    for (from, to) in edges {
        let (from, to) = (root(&mut part, *from), root(&mut part, *to));
        part[from.max(to)] = from.min(to);
    }
    let mut parts: Vec<Vec<usize>> = vec![Vec::new(); count];
    for node in 0..count {
        let root = root(&mut part, node);
        parts[root].push(node);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// One connected part, at the origin.
struct Part {
    width: f64,
    height: f64,
    nodes: Vec<(f64, f64)>,
    /// By the index of the edge: the points that it passes.
    edges: Vec<(usize, Vec<(f64, f64)>)>,
}

/// A vertex of the layers: a node, or the place where a long edge passes.
struct Vertex {
    layer: usize,
    height: f64,
    /// Middle. Pixels.
    y: f64,
    before: Vec<usize>,
    after: Vec<usize>,
}

fn layered(part: &[usize], edges: &[(usize, usize)]) -> Part {
    let local = |node: usize| part.iter().position(|own| *own == node);
    let own: Vec<(usize, usize, usize)> = edges
        .iter()
        .enumerate()
        .filter_map(|(index, (from, to))| Some((index, local(*from)?, local(*to)?)))
        .filter(|(_, from, to)| from != to)
        .collect();
    let turned = against(part.len(), &own);
    let forward: Vec<(usize, usize)> = own
        .iter()
        .zip(&turned)
        .map(|((_, from, to), turned)| if *turned { (*to, *from) } else { (*from, *to) })
        .collect();
    let layers = layers(part.len(), &forward);
    let mut vertices: Vec<Vertex> = layers
        .iter()
        .map(|layer| Vertex { layer: *layer, height: HEIGHT, y: 0.0, before: Vec::new(), after: Vec::new() })
        .collect();
    // Every edge as a chain from layer to layer.
    let mut chains = Vec::new();
    for (from, to) in &forward {
        let mut chain = vec![*from];
        for layer in layers[*from] + 1..layers[*to] {
            vertices.push(Vertex { layer, height: LANE, y: 0.0, before: Vec::new(), after: Vec::new() });
            chain.push(vertices.len() - 1);
        }
        chain.push(*to);
        for pair in chain.windows(2) {
            vertices[pair[0]].after.push(pair[1]);
            vertices[pair[1]].before.push(pair[0]);
        }
        chains.push(chain);
    }
    let count = layers.iter().max().map_or(0, |last| last + 1);
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (index, vertex) in vertices.iter().enumerate() {
        order[vertex.layer].push(index);
    }
    untangle(&mut order, &vertices);
    straighten(&order, &mut vertices);
    let top = vertices.iter().map(|vertex| vertex.y - vertex.height / 2.0).fold(f64::INFINITY, f64::min);
    let bottom = vertices.iter().map(|vertex| vertex.y + vertex.height / 2.0).fold(f64::NEG_INFINITY, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "a handful of layers")]
    let left = |layer: usize| layer as f64 * (WIDTH + GAP_X);
    let points = |chain: &[usize]| {
        let mut points = Vec::new();
        for (position, index) in chain.iter().enumerate() {
            let vertex = &vertices[*index];
            let (x, y) = (left(vertex.layer), vertex.y - top);
            if position > 0 {
                points.push((x, y));
            }
            if position + 1 < chain.len() {
                points.push((x + WIDTH, y));
            }
        }
        points
    };
    let routes = own.iter().zip(&turned).zip(&chains).map(|(((index, _, _), turned), chain)| {
        let mut points = points(chain);
        if *turned {
            points.reverse();
        }
        (*index, points)
    });
    Part {
        width: left(count.saturating_sub(1)) + WIDTH,
        height: bottom - top,
        edges: routes.collect(),
        nodes: vertices[..part.len()]
            .iter()
            .map(|vertex| (left(vertex.layer), vertex.y - top - HEIGHT / 2.0))
            .collect(),
    }
}

/// Which edges lead back into a path that is being followed: turned round, no cycle is left.
fn against(count: usize, edges: &[(usize, usize, usize)]) -> Vec<bool> {
    let mut turned = vec![false; edges.len()];
    let mut state = vec![0_u8; count];
    // Nodes that nothing leads to are the best beginnings.
    let is_begin = |node: &usize| !edges.iter().any(|(_, _, to)| to == node);
    let begins = (0..count).filter(is_begin).chain(0..count);
    for begin in begins.collect::<Vec<_>>() {
        if state[begin] != 0 {
            continue;
        }
        state[begin] = 1;
        let mut path = vec![(begin, 0)];
        while let Some((node, next)) = path.pop() {
            let Some((position, (_, _, to))) =
                edges.iter().enumerate().skip(next).find(|(_, (_, from, _))| *from == node)
            else {
                state[node] = 2;
                continue;
            };
            path.push((node, position + 1));
            match state[*to] {
                0 => {
                    state[*to] = 1;
                    path.push((*to, 0));
                }
                1 => turned[position] = true,
                _ => {}
            }
        }
    }
    turned
}

/// The layer of every node: behind all that lead to it, and no further left of what follows than it must be.
fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut layers = vec![0; count];
    // No path is longer than there are nodes.
    for _ in 0..count {
        for (from, to) in edges {
            layers[*to] = layers[*to].max(layers[*from] + 1);
        }
    }
    for node in 0..count {
        let is_source = !edges.iter().any(|(_, to)| *to == node);
        let next = edges.iter().filter(|(from, _)| *from == node).map(|(_, to)| layers[*to]).min();
        if let (true, Some(next)) = (is_source, next) {
            layers[node] = next - 1;
        }
    }
    layers
}

/// Sweeps over the layers; the order with the fewest crossings is kept.
fn untangle(order: &mut Vec<Vec<usize>>, vertices: &[Vertex]) {
    let mut best = (crossings(order, vertices), order.clone());
    for sweep in 0..10 {
        let forward = sweep % 2 == 0;
        let count = order.len();
        for step in 1..count {
            let layer = if forward { step } else { count - 1 - step };
            let other = if forward { layer - 1 } else { layer + 1 };
            let positions = positions(&order[other], vertices.len());
            let middle = |index: &usize| {
                let vertex = &vertices[*index];
                let next = if forward { &vertex.before } else { &vertex.after };
                #[expect(clippy::cast_precision_loss, reason = "positions within a layer")]
                let found: Vec<f64> = next.iter().filter_map(|index| positions[*index]).map(|at| at as f64).collect();
                #[expect(clippy::cast_precision_loss, reason = "as many as there are neighbours")]
                let mean = found.iter().sum::<f64>() / found.len() as f64;
                (!found.is_empty()).then_some(mean)
            };
            // What has no neighbour there keeps its place.
            let own: Vec<(usize, f64)> = {
                #[expect(clippy::cast_precision_loss, reason = "positions within a layer")]
                let place = |(at, index): (usize, &usize)| (*index, middle(index).unwrap_or(at as f64));
                order[layer].iter().enumerate().map(place).collect()
            };
            let mut own = own;
            own.sort_by(|one, two| one.1.total_cmp(&two.1));
            order[layer] = own.into_iter().map(|(index, _)| index).collect();
        }
        let found = crossings(order, vertices);
        if found < best.0 {
            best = (found, order.clone());
        }
    }
    *order = best.1;
}

fn positions(layer: &[usize], count: usize) -> Vec<Option<usize>> {
    let mut positions = vec![None; count];
    for (position, index) in layer.iter().enumerate() {
        positions[*index] = Some(position);
    }
    positions
}

fn crossings(order: &[Vec<usize>], vertices: &[Vertex]) -> usize {
    let pairs = order.windows(2).map(|pair| {
        let positions = positions(&pair[1], vertices.len());
        let ends =
            |index: &usize| vertices[*index].after.iter().filter_map(|next| positions[*next]).collect::<Vec<_>>();
        let ends: Vec<Vec<usize>> = pair[0].iter().map(ends).collect();
        let mut count = 0;
        for (at, upper) in ends.iter().enumerate() {
            for lower in ends[at + 1..].iter().flatten() {
                count += upper.iter().filter(|end| *end > lower).count();
            }
        }
        count
    });
    pairs.sum()
}

/// Moves every vertex towards the middle of its neighbours, without changing any order.
fn straighten(order: &[Vec<usize>], vertices: &mut [Vertex]) {
    for layer in order {
        let wanted = vec![0.0; layer.len()];
        spread(layer, &wanted, vertices);
    }
    for round in 0..12 {
        let forward = round % 2 == 0;
        let sequence: Vec<&Vec<usize>> = if forward { order.iter().collect() } else { order.iter().rev().collect() };
        for layer in sequence {
            let wanted = |index: &usize| {
                let vertex = &vertices[*index];
                let next = match forward {
                    true => &vertex.before,
                    false => &vertex.after,
                };
                #[expect(clippy::cast_precision_loss, reason = "as many as there are neighbours")]
                let mean = next.iter().map(|index| vertices[*index].y).sum::<f64>() / next.len() as f64;
                if next.is_empty() { vertex.y } else { mean }
            };
            let wanted: Vec<f64> = layer.iter().map(wanted).collect();
            spread(layer, &wanted, vertices);
        }
    }
}

/// As near to `wanted` as the gaps allow: pushed down from above, pushed up from below, and the middle of both.
fn spread(layer: &[usize], wanted: &[f64], vertices: &mut [Vertex]) {
    let gap = |one: usize, two: usize| (vertices[one].height + vertices[two].height) / 2.0 + GAP_Y;
    let mut down = wanted.to_vec();
    for at in 1..layer.len() {
        down[at] = down[at].max(down[at - 1] + gap(layer[at - 1], layer[at]));
    }
    let mut up = wanted.to_vec();
    for at in (1..layer.len()).rev() {
        up[at - 1] = up[at - 1].min(up[at] - gap(layer[at - 1], layer[at]));
    }
    for (at, index) in layer.iter().enumerate() {
        vertices[*index].y = (down[at] + up[at]) / 2.0;
    }
}

/// Curves between layers, straight lines through them.
fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let points: Vec<(f64, f64)> = points.collect();
    let Some((x, y)) = points.first() else { return String::new() };
    let mut path = format!("M{x:.1} {y:.1}");
    for (position, pair) in points.windows(2).enumerate() {
        let ((x, y), (to_x, to_y)) = (pair[0], pair[1]);
        // Every second leg passes through a layer.
        if position % 2 == 1 {
            path.push_str(&format!("L{to_x:.1} {to_y:.1}"));
        } else {
            let middle = (x + to_x) / 2.0;
            path.push_str(&format!("C{middle:.1} {y:.1} {middle:.1} {to_y:.1} {to_x:.1} {to_y:.1}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chain_is_a_straight_line() {
        let layout = place(3, &[(0, 1), (1, 2)]);
        let x: Vec<f64> = layout.nodes.iter().map(|(x, _)| *x).collect();
        assert_eq!(x, [0.0, WIDTH + GAP_X, 2.0 * (WIDTH + GAP_X)]);
        assert!(layout.nodes.iter().all(|(_, y)| *y == 0.0), "{layout:?}");
    }

    #[test]
    fn a_trigger_stands_right_before_what_it_starts() {
        let layout = place(4, &[(0, 1), (1, 2), (3, 2)]);
        assert_eq!(layout.nodes[3].0, layout.nodes[1].0);
    }

    #[test]
    fn a_circle_is_drawn_with_one_edge_back() {
        let layout = place(2, &[(0, 1), (1, 0)]);
        assert!(layout.nodes[0].0 < layout.nodes[1].0);
        assert!(layout.edges.iter().all(|path| path.starts_with('M')));
    }

    proptest! {
        #[test]
        fn no_two_nodes_overlap_and_everything_is_inside(count in 0..40usize, pairs in proptest::collection::vec((0..40usize, 0..40usize), 0..60)) {
            let edges: Vec<(usize, usize)> = pairs.into_iter().filter(|(from, to)| *from < count && *to < count).collect();
            let layout = place(count, &edges);
            prop_assert_eq!(&place(count, &edges), &layout);
            for (at, (x, y)) in layout.nodes.iter().enumerate() {
                prop_assert!(*x >= -0.1 && *y >= -0.1 && x + WIDTH <= layout.width + 0.1 && y + HEIGHT <= layout.height + 0.1);
                for (other_x, other_y) in &layout.nodes[at + 1..] {
                    prop_assert!((x - other_x).abs() >= WIDTH || (y - other_y).abs() >= HEIGHT - 0.1, "{layout:?}");
                }
            }
            for (edge, path) in edges.iter().zip(&layout.edges) {
                prop_assert_eq!(path.is_empty(), edge.0 == edge.1);
            }
        }
    }
}
