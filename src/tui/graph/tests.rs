//! The graph pane as its user meets it: answers and keys in, screen and questions out.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use uuid::Uuid;

use super::*;
use crate::bus::{GraphEdge, NeighbourhoodStub};
use crate::model::EdgeId;
use crate::tui::theme::ColorDepth;

fn id(name: &str) -> NodeId {
    let bytes = name.bytes().fold(7u128, |hash, b| hash.wrapping_mul(257).wrapping_add(u128::from(b)));
    NodeId(Uuid::from_u128(bytes))
}

fn node(name: &str, kind: &str) -> GraphNode {
    GraphNode { id: id(name), node_type: kind.into(), label: name.into() }
}

fn around(middle: &str) -> Neighbourhood {
    Neighbourhood {
        nodes: vec![node(middle, "package")],
        depth: vec![0],
        edges: Vec::new(),
        stubs: Vec::new(),
        edge_types: BTreeMap::new(),
    }
}

/// Adds `from ─kind▶ to`; nodes that are not there yet are added.
fn link(n: &mut Neighbourhood, from: &str, kind: &str, to: &str) {
    let mut place = |name: &str| {
        let at = n.nodes.iter().position(|node| node.label == name);
        at.unwrap_or_else(|| {
            let type_name = if kind == "tagged" { "tag" } else { "package" };
            n.nodes.push(node(name, type_name));
            n.depth.push(1);
            n.nodes.len() - 1
        }) as u32
    };
    let (from, to) = (place(from), place(to));
    n.edges.push(GraphEdge { id: EdgeId(Uuid::from_u128(1)), edge_type: kind.into(), from, to });
    *n.edge_types.entry(kind.into()).or_default() += 1;
}

fn stub(n: &mut Neighbourhood, node: u32, kind: &str, outgoing: bool, count: u64) {
    n.stubs.push(NeighbourhoodStub { node, edge_type: kind.into(), outgoing, count });
    if node == 0 {
        let types = n.edge_types.entry(kind.into()).or_default();
        *types = types.saturating_add(count);
    }
}

/// A hub: few edges out, very many in.
fn hub() -> Neighbourhood {
    let mut n = around("libc6");
    for to in ["libgcc-s1", "libcrypt1"] {
        link(&mut n, "libc6", "depends", to);
    }
    link(&mut n, "libc6", "recommends", "libidn2-0");
    for tag in ["role::shared-lib", "implemented-in::c"] {
        link(&mut n, "libc6", "tagged", tag);
    }
    for from in ["apt", "bash", "coreutils", "dpkg", "grep", "gzip"] {
        link(&mut n, from, "depends", "libc6");
    }
    link(&mut n, "base-files", "breaks", "libc6");
    link(&mut n, "libgcc-s1", "depends", "libc6");
    stub(&mut n, 0, "depends", false, 21_755);
    stub(&mut n, 1, "depends", false, 301);
    n
}

/// Two steps out, with edges against the way.
fn deep() -> Neighbourhood {
    let mut n = around("bash");
    link(&mut n, "bash", "depends", "libtinfo6");
    link(&mut n, "bash", "depends", "base-files");
    link(&mut n, "bash", "suggests", "bash-doc");
    link(&mut n, "bash-completion", "enhances", "bash");
    link(&mut n, "libtinfo6", "depends", "libc6");
    link(&mut n, "ncurses-bin", "depends", "libtinfo6");
    link(&mut n, "base-files", "depends", "libcrypt1");
    link(&mut n, "libcrypt1", "depends", "libc6");
    link(&mut n, "bash-completion", "tagged", "role::plugin");
    stub(&mut n, 1, "depends", false, 412);
    stub(&mut n, 3, "tagged", true, 5);
    n
}

fn pane(n: Neighbourhood) -> GraphPane {
    let mut pane = GraphPane::new();
    let middle = n.nodes[0].id;
    assert!(matches!(pane.show(middle), GraphOutcome::Load(query) if query.node == middle));
    pane.loaded(n);
    pane
}

fn draw(pane: &GraphPane, width: u16, height: u16, styles: bool) -> String {
    let theme = Theme::load("dusk", ColorDepth::Ansi).unwrap();
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| pane.draw(frame, Rect::new(0, 0, width, height), true, &theme)).unwrap();
    let text = terminal.backend().to_string();
    if styles { format!("{text}\n{}", style_runs::style_runs(terminal.backend().buffer())) } else { text }
}

fn go(pane: &mut GraphPane, actions: &[GraphAction]) -> GraphOutcome {
    actions.iter().map(|action| pane.action(*action)).last().unwrap_or(GraphOutcome::Nothing)
}

fn selected_label(pane: &GraphPane) -> String {
    pane.selected_node().map_or_else(|| format!("{:?}", pane.selected), |node| node.label.clone())
}

use GraphAction::*;

#[test]
fn a_hub_is_drawn_at_many_sizes() {
    let mut pane = pane(hub());
    for (width, height) in [(50, 20), (80, 18), (120, 40), (34, 9)] {
        insta::assert_snapshot!(format!("hub_{width}x{height}"), draw(&pane, width, height, false));
    }
    go(&mut pane, &[Right]);
    insta::assert_snapshot!("hub_selected_80x18", draw(&pane, 80, 18, true));
}

#[test]
fn two_steps_are_drawn() {
    let mut pane = pane(deep());
    insta::assert_snapshot!("deep_120x30", draw(&pane, 120, 30, false));
    insta::assert_snapshot!("deep_80x16", draw(&pane, 80, 16, false));
    go(&mut pane, &[Right, Up, Right]);
    insta::assert_snapshot!("deep_selected_50x14", draw(&pane, 50, 14, false));
    go(&mut pane, &[ToggleView]);
    insta::assert_snapshot!("deep_list_60x16", draw(&pane, 60, 16, true));
}

fn wide(count: usize) -> Neighbourhood {
    let mut n = around("libc6");
    for i in 0..count {
        link(&mut n, "libc6", "depends", &format!("out-{i:03}"));
        link(&mut n, &format!("in-{i:03}"), "depends", "libc6");
    }
    stub(&mut n, 0, "depends", true, 1_000);
    n
}

#[test]
fn more_than_fits_is_scrolled_and_more_than_sixty_is_counted() {
    let mut pane = pane(wide(100));
    insta::assert_snapshot!("scrolled_top_60x14", draw(&pane, 60, 14, false));
    go(&mut pane, &[Right]);
    go(&mut pane, &[Down; 20]);
    insta::assert_snapshot!("scrolled_60x14", draw(&pane, 60, 14, false));
    let shown = pane.shown.as_ref().unwrap();
    assert_eq!((shown.map.links.len(), shown.list.links.len()), (DRAWN_NODES, 201));
    let counted: u64 = shown.map.stubs.iter().map(|stub| stub.count).sum();
    assert_eq!(counted, 1_000 + 201 - 60, "nothing is lost: what is not drawn is counted");
    go(&mut pane, &[Down; 90]);
    assert_eq!(pane.selected(), None, "the last on the right is the stub");
    assert!(matches!(go(&mut pane, &[Recentre]), GraphOutcome::Load(query) if query.max_nodes == 60));
}

#[test]
fn the_layout_is_the_same_every_time_and_never_overlaps() {
    for n in [hub(), deep(), wide(40), around("alone")] {
        let one = pane(n.clone());
        let two = pane(n);
        for (width, height) in [(50, 20), (120, 40), (80, 12), (20, 6), (200, 60)] {
            assert_eq!(draw(&one, width, height, true), draw(&two, width, height, true));
            let tree = &one.shown.as_ref().unwrap().map;
            let body = map::body(Rect::new(0, 0, width, height));
            let size = (usize::from(body.width), usize::from(body.height));
            let name = |item: Item| format!("{item:?}");
            let names = layout::Names { name: &name, middle: ("middle", "type") };
            let layout = layout::Layout::new(tree, &names, size, [0, 0], Item::Node(0));
            for (i, a) in layout.placed.iter().enumerate() {
                assert!(a.x + a.width <= size.0 && a.y < size.1, "{a:?} in {size:?}");
                for b in &layout.placed[..i] {
                    assert!(a.y != b.y || a.x + a.width <= b.x || b.x + b.width <= a.x, "{a:?} on {b:?}");
                }
            }
        }
    }
}

#[test]
fn arrows_walk_the_map() {
    let mut pane = pane(deep());
    draw(&pane, 120, 30, false);
    let mut walk = |action| {
        pane.action(action);
        selected_label(&pane)
    };
    let steps = [
        (Up, "bash"),
        (Left, "bash-completion"),
        (Left, "role::plugin"),
        (Left, "role::plugin"),
        (Right, "bash-completion"),
        (Right, "bash"),
        (Right, "libtinfo6"),
        (Up, "libtinfo6"),
        (Right, "ncurses-bin"),
        (Up, "libc6"),
        (Left, "libtinfo6"),
        (Down, "base-files"),
        (Right, "libcrypt1"),
        (Left, "base-files"),
        (Left, "bash"),
    ];
    for (at, (action, label)) in steps.into_iter().enumerate() {
        assert_eq!(walk(action), label, "step {at}, {action:?}");
    }
}

#[test]
fn recentring_leaves_a_trail_to_go_back_on() {
    let mut pane = pane(deep());
    draw(&pane, 120, 30, false);
    assert_eq!(go(&mut pane, &[Recentre]), GraphOutcome::Nothing, "the middle is the middle");
    let asked = go(&mut pane, &[Right, Down, Recentre]);
    let GraphOutcome::Load(query) = asked else { panic!("{asked:?}") };
    assert_eq!((query.node, query.depth, query.direction), (id("base-files"), 1, Direction::Both));
    assert_eq!(pane.center(), Some(id("base-files")));
    insta::assert_snapshot!("loading_60x12", draw(&pane, 60, 12, false));

    let mut next = around("base-files");
    link(&mut next, "bash", "depends", "base-files");
    pane.loaded(around("somebody-else"));
    assert!(pane.loading.is_some(), "an answer about another node is dropped");
    pane.loaded(next);
    assert_eq!(selected_label(&pane), "base-files");
    insta::assert_snapshot!("trail_60x12", draw(&pane, 60, 12, false));

    let GraphOutcome::Load(query) = go(&mut pane, &[Back]) else { panic!("not back") };
    assert_eq!(query.node, id("bash"));
    pane.loaded(deep());
    assert_eq!(selected_label(&pane), "base-files", "where one came from is selected");
    assert!(matches!(go(&mut pane, &[Back]), GraphOutcome::Message(_)));
}

#[test]
fn a_failure_keeps_the_old_picture() {
    let mut pane = pane(deep());
    go(&mut pane, &[Right, Recentre]);
    pane.failed("the node is gone".into());
    assert_eq!(pane.center(), Some(id("bash")));
    assert!(pane.trail.is_empty());
    let screen = draw(&pane, 80, 16, false);
    assert!(screen.contains("the node is gone") && screen.contains("libtinfo6"), "{screen}");
    let mut empty = GraphPane::new();
    assert!(matches!(empty.action(Up), GraphOutcome::Message(_)));
    insta::assert_snapshot!("nothing_76x5", draw(&empty, 76, 5, false));
    empty.show(id("x"));
    empty.failed("no such node".into());
    assert_eq!((empty.center(), draw(&empty, 60, 5, false).contains("no such node")), (None, true));
}

#[test]
fn depth_and_number_grow_in_steps_and_keep_the_selection() {
    let mut pane = pane(deep());
    draw(&pane, 120, 30, false);
    assert!(matches!(go(&mut pane, &[Shallower]), GraphOutcome::Message(_)));
    let GraphOutcome::Load(query) = go(&mut pane, &[Right, Down, Deeper]) else { panic!() };
    assert_eq!((query.depth, query.node), (2, id("bash")));
    pane.loaded(deep());
    assert_eq!(selected_label(&pane), "base-files");
    for (asked, wanted) in [60, 120, 240, 480].into_iter().enumerate() {
        let GraphOutcome::Load(query) = go(&mut pane, &[More]) else { panic!("{asked}") };
        assert_eq!(query.max_nodes, wanted);
        pane.loaded(deep());
    }
    assert!(matches!(go(&mut pane, &[More]), GraphOutcome::Message(_)));
    let mut whole = around("x");
    link(&mut whole, "x", "depends", "y");
    let mut pane = self::pane(whole);
    assert_eq!(go(&mut pane, &[More]), GraphOutcome::Message("all neighbours are here".into()));
}

#[test]
fn edge_types_are_chosen_from_a_checklist() {
    let mut pane = pane(hub());
    let key = |pane: &mut GraphPane, code| pane.key(KeyEvent::new(code, KeyModifiers::NONE));
    assert_eq!(key(&mut pane, KeyCode::Enter), None, "closed");
    go(&mut pane, &[EdgeFilter]);
    for code in [KeyCode::Down, KeyCode::Char(' ')] {
        assert_eq!(key(&mut pane, code), Some(GraphOutcome::Nothing));
    }
    insta::assert_snapshot!("filter_60x14", draw(&pane, 60, 14, true));
    let Some(GraphOutcome::Load(query)) = key(&mut pane, KeyCode::Enter) else { panic!() };
    assert_eq!(query.edge_types, ["breaks", "recommends", "tagged"]);
    pane.loaded(hub());
    assert!(draw(&pane, 120, 20, false).contains("breaks, recommends, tagged"), "the filter is told");
    go(&mut pane, &[EdgeFilter]);
    key(&mut pane, KeyCode::Char('a'));
    key(&mut pane, KeyCode::Char('a'));
    assert_eq!(key(&mut pane, KeyCode::Enter), Some(GraphOutcome::Nothing));
    assert!(draw(&pane, 60, 14, false).contains("pick at least one"));
    key(&mut pane, KeyCode::Char('a'));
    let Some(GraphOutcome::Load(query)) = key(&mut pane, KeyCode::Enter) else { panic!() };
    assert_eq!(query.edge_types, Vec::<String>::new(), "all means no filter");
    pane.loaded(hub());
    go(&mut pane, &[EdgeFilter]);
    assert_eq!(key(&mut pane, KeyCode::Esc), Some(GraphOutcome::Nothing));
    assert_eq!(key(&mut pane, KeyCode::Esc), None);
}

fn path(steps: &[(&str, &str, bool)], start: &str) -> PathFound {
    let mut found = PathFound { nodes: vec![node(start, "package")], edges: Vec::new() };
    for (at, (kind, to, forward)) in steps.iter().enumerate() {
        found.nodes.push(node(to, "package"));
        let (a, b) = (at as u32, at as u32 + 1);
        let (from, to) = if *forward { (a, b) } else { (b, a) };
        found.edges.push(GraphEdge { id: EdgeId(Uuid::nil()), edge_type: (*kind).into(), from, to });
    }
    found
}

#[test]
fn two_marks_ask_for_a_path_that_is_shown_on_the_map_or_as_a_list() {
    let mut pane = pane(deep());
    draw(&pane, 100, 16, false);
    assert!(matches!(go(&mut pane, &[Left, Mark]), GraphOutcome::Message(_)));
    assert_eq!(go(&mut pane, &[Mark]), GraphOutcome::Nothing, "unmarked again");
    go(&mut pane, &[Mark]);
    insta::assert_snapshot!("marked_100x16", draw(&pane, 100, 16, false));
    let asked = go(&mut pane, &[Right, Right, Up, Mark]);
    assert_eq!(asked, GraphOutcome::Path { from: id("bash-completion"), to: id("libtinfo6") });
    let steps = [("enhances", "bash", true), ("depends", "libtinfo6", true)];
    pane.path_loaded(Some(path(&steps, "bash-completion")));
    insta::assert_snapshot!("path_on_map_100x16", draw(&pane, 100, 16, true));

    let steps =
        [("depends", "libtinfo6", true), ("depends", "lynx", false), ("recommends", "mime-support", true)];
    pane.path_loaded(Some(path(&steps, "bash")));
    insta::assert_snapshot!("path_list_60x10", draw(&pane, 60, 10, true));
    go(&mut pane, &[Down, Down]);
    assert_eq!(pane.selected(), Some(id("lynx")));
    assert_eq!(go(&mut pane, &[Back]), GraphOutcome::Nothing);
    assert_eq!(selected_label(&pane), "libtinfo6", "back on the map");
    pane.path_loaded(None);
    assert!(draw(&pane, 100, 16, false).contains("no path between"));
}

#[test]
fn the_mouse_selects_and_a_second_press_recentres() {
    let mut pane = pane(hub());
    let area = Rect::new(3, 2, 80, 18);
    let theme = Theme::load("dusk", ColorDepth::True).unwrap();
    let mut terminal = Terminal::new(TestBackend::new(90, 24)).unwrap();
    terminal.draw(|frame| pane.draw(frame, area, true, &theme)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let find = |text: &str| {
        let row = |y| (0..90).map(|x| buffer[(x, y)].symbol()).collect::<Vec<_>>();
        (0..24).find_map(|y| {
            let row = row(y);
            let at = (0..90).find(|x| row[*x..].concat().starts_with(text))?;
            Some((at as u16, y))
        })
    };
    let (x, y) = find("grep").expect("drawn");
    assert_eq!(pane.click(x + 1, y, area), GraphOutcome::Nothing);
    assert_eq!(selected_label(&pane), "grep");
    assert!(matches!(pane.click(x + 1, y, area), GraphOutcome::Load(query) if query.node == id("grep")));
    assert_eq!(pane.click(0, 0, area), GraphOutcome::Nothing);
}

#[test]
fn hostile_and_damaged_answers_do_no_harm() {
    let mut n = around("\x1b[31mred\u{202e}");
    link(&mut n, "\x1b[31mred\u{202e}", "depends", &"漢".repeat(1 << 18));
    link(&mut n, "a\nb", "dep\x07ends", "\x1b[31mred\u{202e}");
    n.edges.push(GraphEdge { id: EdgeId(Uuid::nil()), edge_type: "x".into(), from: 900, to: 0 });
    n.edges.push(GraphEdge { id: EdgeId(Uuid::nil()), edge_type: "self".into(), from: 0, to: 0 });
    n.nodes.push(node("unreachable", "package"));
    stub(&mut n, 77, "depends", true, 5);
    stub(&mut n, 0, "depends", true, u64::MAX);
    let mut pane = pane(n);
    for size in [(80, 12), (40, 8), (9, 3), (4, 2), (1, 1), (200, 50)] {
        let screen = draw(&pane, size.0, size.1, false);
        assert!(!screen.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{screen:?}");
        go(&mut pane, &[Right, Down, Left, Left, Right, ToggleView]);
    }
    insta::assert_snapshot!("hostile_80x12", draw(&pane, 80, 12, false));
}
