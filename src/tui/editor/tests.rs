//! The editor as its user meets it: keys in, text, cursor and screen out.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

use super::*;
use crate::tui::theme::{ColorDepth, Theme};

/// Keys from a notation: characters stand for themselves, `<Esc>`, `<C-r>`, `<S-Left>` for others.
fn keys(notation: &str) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    let mut rest = notation;
    while let Some(c) = rest.chars().next() {
        let name = rest.strip_prefix('<').and_then(|r| r.split_once('>')).filter(|(n, _)| n.len() > 1);
        let Some((name, behind)) = name else {
            keys.push(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
            rest = &rest[c.len_utf8()..];
            continue;
        };
        rest = behind;
        let (mut modifiers, mut name) = (KeyModifiers::NONE, name);
        while let Some((modifier, plain)) =
            name.split_once('-').filter(|(m, p)| m.len() == 1 && !p.is_empty())
        {
            modifiers |= match modifier {
                "C" => KeyModifiers::CONTROL,
                "S" => KeyModifiers::SHIFT,
                "A" => KeyModifiers::ALT,
                other => panic!("modifier {other}"),
            };
            name = plain;
        }
        let code = match name {
            "Esc" => KeyCode::Esc,
            "CR" => KeyCode::Enter,
            "Tab" => KeyCode::Tab,
            "BackTab" => KeyCode::BackTab,
            "BS" => KeyCode::Backspace,
            "Del" => KeyCode::Delete,
            "Ins" => KeyCode::Insert,
            "Left" => KeyCode::Left,
            "Right" => KeyCode::Right,
            "Up" => KeyCode::Up,
            "Down" => KeyCode::Down,
            "Home" => KeyCode::Home,
            "End" => KeyCode::End,
            "PageDown" => KeyCode::PageDown,
            "PageUp" => KeyCode::PageUp,
            "F5" => KeyCode::F(5),
            "F6" => KeyCode::F(6),
            "F7" => KeyCode::F(7),
            one => KeyCode::Char(one.chars().next().unwrap()),
        };
        keys.push(KeyEvent::new(code, modifiers));
    }
    keys
}

/// An editor with a text whose `|` is the cursor.
fn editor(preset: KeyPreset, marked: &str) -> Editor {
    let mut editor = Editor::new(preset);
    let at = marked.find('|').expect("a cursor");
    editor.set_text(&marked.replacen('|', "", 1));
    let at = editor.buffer.pos(at);
    editor.place(at);
    editor
}

fn press(editor: &mut Editor, notation: &str) -> EditorOutcome {
    keys(notation).into_iter().map(|key| editor.key(key)).last().unwrap_or(EditorOutcome::Ignored)
}

/// The text with `|` at the cursor.
fn marked(editor: &Editor) -> String {
    let mut text = editor.text();
    text.insert(editor.buffer.offset(editor.buffer.cursor()), '|');
    text
}

#[track_caller]
fn check(preset: KeyPreset, cases: &[(&str, &str, &str)]) {
    for (before, notation, after) in cases {
        let mut editor = editor(preset, before);
        press(&mut editor, notation);
        assert_eq!(marked(&editor), *after, "{notation:?} on {before:?}");
    }
}

#[track_caller]
fn vim(cases: &[(&str, &str, &str)]) {
    check(KeyPreset::Vim, cases);
}

#[test]
fn vim_moves() {
    vim(&[
        ("a|bc", "h", "|abc"),
        ("|abc", "h", "|abc"),
        ("|abc", "l", "a|bc"),
        ("ab|c", "l", "ab|c"),
        ("|abcdef", "3l", "abc|def"),
        ("abc|def", "2h", "a|bcdef"),
        ("ab|c\nd\nefg", "j", "abc\n|d\nefg"),
        ("ab|c\nd\nefg", "jj", "abc\nd\nef|g"),
        ("abc\nd\nef|g", "2k", "ab|c\nd\nefg"),
        ("|a\nb\nc", "9j", "a\nb\n|c"),
        ("|one two.x", "w", "one |two.x"),
        ("|one two.x", "3w", "one two.|x"),
        ("|one\n\ntwo", "w", "one\n|\ntwo"),
        ("one two.|x", "b", "one two|.x"),
        ("one two.|x", "3b", "|one two.x"),
        ("|one two", "e", "on|e two"),
        ("|one two", "2e", "one tw|o"),
        ("  on|e", "0", "|  one"),
        ("  on|e", "^", "  |one"),
        ("|abc\nlong", "$", "ab|c\nlong"),
        ("|abc\nlonger", "$j", "abc\nlonge|r"),
        ("|ab\ncdef", "2$", "ab\ncde|f"),
        ("a\n  |b\nc", "gg", "|a\n  b\nc"),
        ("a|a\nb\nc", "G", "aa\nb\n|c"),
        ("|a\nb\nc", "2G", "a\n|b\nc"),
        ("a\nb\n|c", "2gg", "a\n|b\nc"),
        ("|a(b, c)", "f,", "a(b|, c)"),
        ("|a(b, c)", "t,", "a(|b, c)"),
        ("a(b, |c)", "F(", "a|(b, c)"),
        ("a(b, |c)", "T(", "a(|b, c)"),
        ("|x,x,x", "f,;", "x,x|,x"),
        ("|x,x,x", "f,;,", "x|,x,x"),
        ("|x,x,x", "2f,", "x,x|,x"),
        ("|a", "fz", "|a"),
        ("a\nb\n\n|c\nd", "{", "a\nb\n|\nc\nd"),
        ("|a\nb\n\nc", "}", "a\nb\n|\nc"),
        ("|a\nb", "<Down>", "a\n|b"),
        ("a|b", "<Left>", "|ab"),
        ("  a|b", "<Home>", "  |ab"),
        ("|ab", "<End>", "a|b"),
        ("x|e\u{301}y", "l", "xe\u{301}|y"),
    ]);
}

#[test]
fn vim_operators_take_motions_counts_and_lines() {
    vim(&[
        ("|one two", "dw", "|two"),
        ("|one two three", "2dw", "|three"),
        ("|a b c d e", "2d2w", "|e"),
        ("|one\ntwo", "dw", "|\ntwo"),
        ("one |two", "dw", "one| "),
        ("one| two", "de", "on|e"),
        ("one |two", "db", "|two"),
        ("one |two", "d0", "|two"),
        ("  one |two", "d^", "  |two"),
        ("a|bc", "d$", "|a"),
        ("a|bc", "D", "|a"),
        ("a|bc", "dl", "a|c"),
        ("a|bc", "dh", "|bc"),
        ("a\n|b\nc", "dd", "a\n|c"),
        ("a\nb\n|c", "dd", "a\n|b"),
        ("|a", "dd", "|"),
        ("|a\nb\nc\nd", "3dd", "|d"),
        ("|a\nb\nc", "2d2d", "|"),
        ("|a\nb\nc", "dj", "|c"),
        ("a\nb\n|c", "dk", "|a"),
        ("a\n|b", "dj", "a\n|b"),
        ("a\nb\n|c", "dgg", "|"),
        ("a\n|b\nc", "dG", "|a"),
        ("|f(a, b)", "dt,", "|, b)"),
        ("|f(a, b)", "df,", "| b)"),
        ("one tw|o three", "diw", "one | three"),
        ("one tw|o three", "daw", "one |three"),
        ("|one two", "cwx<Esc>", "|x two"),
        ("one| two", "cwx<Esc>", "one|xtwo"),
        ("|one two", "c2wx<Esc>", "|x"),
        ("  a|b\nc", "ccx<Esc>", "  |x\nc"),
        ("ab|cd", "Cx<Esc>", "ab|x"),
        ("ab|cd", "c$x<Esc>", "ab|x"),
        ("on|e two", "ciwx<Esc>", "|x two"),
        ("|one two", "ywwP", "one one| two"),
        ("|a\nb", "yyjp", "a\nb\n|a"),
        ("a\n|b", "yyP", "a\n|b\nb"),
        ("|a\nb\nc", "2yyGp", "a\nb\nc\n|a\nb"),
        ("|a\nb", "Yp", "a\n|a\nb"),
        ("|a b", "d<Esc>w", "a |b"),
        ("|a b", "dQw", "a |b"),
        ("|a\nb", ">>", "  |a\nb"),
        ("    |a", "<<", "  |a"),
        ("|a\nb\nc", "2>>", "  |a\n  b\nc"),
        ("|a\nb", ">j", "  |a\n  b"),
        ("a|b\ncd", "d/d<CR>", "a|d"),
    ]);
}

#[test]
fn vim_commands() {
    vim(&[
        ("a|bc", "x", "a|c"),
        ("ab|c", "x", "a|b"),
        ("|abcd", "3x", "|d"),
        ("ab|cd", "X", "a|cd"),
        ("a|bc", "<Del>", "a|c"),
        ("a|bc", "sX<Esc>", "a|Xc"),
        ("a|b\nc", "SX<Esc>", "|X\nc"),
        ("a|bc", "rX", "a|Xc"),
        ("|abcd", "3rX", "XX|Xd"),
        ("a|b", "3rX", "a|b"),
        ("|abC", "3~", "AB|c"),
        ("|a\n  b\nc", "J", "a| b\nc"),
        ("|a\n  b\nc", "3J", "a b| c"),
        ("|abc", "xp", "b|ac"),
        ("|ab", "x3p", "baa|a"),
        ("|ab", "xP", "|ab"),
        ("  a|b", "iX<Esc>", "  a|Xb"),
        ("  a|b", "aX<Esc>", "  ab|X"),
        ("  a|b", "IX<Esc>", "  |Xab"),
        ("  |ab", "AX<Esc>", "  ab|X"),
        ("  |a\nb", "oX<Esc>", "  a\n  |X\nb"),
        ("a\n  |b", "OX<Esc>", "a\n  |X\n  b"),
        ("|", "ione<CR>two<Esc>", "one\ntw|o"),
        ("|", "iab<BS>c<Left><Left>X<Esc>", "|Xac"),
        ("ab|c", "A<C-u>x<Esc>", "|x"),
        ("|", "i  a<CR>b<Esc>", "  a\n  |b"),
        ("|", "ione two<C-w>x<Esc>", "one |x"),
        ("|", "i<Tab>a<Tab>b<Esc>", "  a |b"),
        ("    a|b", "A<BackTab><Esc>", "  a|b"),
        ("|one two one", "/one<CR>", "one two |one"),
        ("|a one b one", "/one<CR>n", "a one b |one"),
        ("|a one b one", "/one<CR>nN", "a |one b one"),
        ("|one x", "/<BS>x", "|ne x"),
        ("|one", "/zzz<CR>", "|one"),
    ]);
}

#[test]
fn vim_undo_takes_back_whole_commands_and_whole_insertions() {
    vim(&[
        ("|", "ione two<CR>three<Esc>u", "|"),
        ("|", "ione<Esc>a two<Esc>u", "on|e"),
        ("|", "ione<Esc>a two<Esc>uu<C-r><C-r>", "one tw|o"),
        ("|abc", "xxu", "|bc"),
        ("|abc", "xx2u", "|abc"),
        ("|a\nb", "ddu", "|a\nb"),
        ("|one two", "cwxyz<Esc>u", "|one two"),
        ("|a\nb\nc", "3>>u", "|a\nb\nc"),
        ("|abc", "u", "|abc"),
    ]);
}

#[test]
fn vim_visual_mode_selects_by_characters_and_lines() {
    vim(&[
        ("|abcd", "vld", "|cd"),
        ("ab|cd", "vhd", "a|d"),
        ("|one two", "ved", "| two"),
        ("|ab\ncd", "vjx", "|d"),
        ("|a\nb\nc", "Vjd", "|c"),
        ("a\n|b\nc", "Vcx<Esc>", "a\n|x\nc"),
        ("|abcd", "vlcX<Esc>", "|Xcd"),
        ("|abcd", "vly$p", "abcda|b"),
        ("|a\nb", "VyGp", "a\nb\n|a"),
        ("|a\nb\nc", "Vj>", "  |a\n  b\nc"),
        ("a|bcd", "vlohd", "|d"),
        ("on|e two", "viwd", "| two"),
        ("|ab cd", "yewviwp", "ab a|b"),
        ("|a\nb\nc", "yyjVp", "a\n|a\nc"),
        ("|abc", "vl<Esc>x", "a|c"),
        ("|abc", "vvx", "|bc"),
        ("|ab\ncd", "vlVd", "|cd"),
        ("|abc\nd", "v$D", "|d"),
        ("|abc", "v3l", "ab|c"),
    ]);
    let mut editor = editor(KeyPreset::Vim, "|SELECT 1; SELECT 2");
    press(&mut editor, "v7l");
    assert_eq!(editor.mode_label(), "VISUAL");
    assert_eq!(editor.statement_at_cursor(), Some(("SELECT 1".into(), 0)), "the selection runs");
    press(&mut editor, "<Esc>");
    assert_eq!(editor.mode_label(), "NORMAL");
}

#[test]
fn vim_leaves_keys_it_does_not_know_and_says_when_it_wants_text() {
    let mut editor = editor(KeyPreset::Vim, "|SELECT 1");
    for key in ["?", ":", "q", "z", "R", "<Tab>", "<C-s>", "<C-o>", "<C-p>", "<A-x>", "<F7>", "gn"] {
        assert_eq!(press(&mut editor, key), EditorOutcome::Ignored, "{key}");
        assert!(!editor.takes_text(), "{key}");
    }
    assert_eq!(marked(&editor), "|SELECT 1");
    for (key, wants) in
        [("d", true), ("<Esc>", false), ("2", true), ("l", false), ("/", true), ("x<CR>", false)]
    {
        press(&mut editor, key);
        assert_eq!(editor.takes_text(), wants, "after {key}");
    }
    assert_eq!(press(&mut editor, "i"), EditorOutcome::Changed);
    assert!(editor.takes_text() && editor.mode_label() == "INSERT");
    assert_eq!(press(&mut editor, "<Esc>"), EditorOutcome::Changed);
    assert_eq!(press(&mut editor, "<Esc>"), EditorOutcome::Leave);
}

#[test]
fn standard_keys_edit_like_other_programs() {
    check(
        KeyPreset::Standard,
        &[
            ("|", "abc", "abc|"),
            ("a|b", "<CR>", "a\n|b"),
            ("  a|", "<CR>b", "  a\n  b|"),
            ("a|b", "<Tab>", "a |b"),
            ("|b", "<Tab>", "  |b"),
            ("    |b", "<BackTab>", "  |b"),
            ("a|b", "<BS>", "|b"),
            ("a\n|b", "<BS>", "a|b"),
            ("a|b", "<Del>", "a|"),
            ("a|\nb", "<Del>", "a|b"),
            ("one two|", "<C-BS>", "one |"),
            ("one two|", "<C-w>", "one |"),
            ("|one two", "<C-Del>", "|two"),
            ("|one two", "<C-Right>", "one |two"),
            ("one two|", "<C-Left>", "one |two"),
            ("  ab|", "<Home>", "  |ab"),
            ("  ab|", "<Home><Home>", "|  ab"),
            ("|ab\nc", "<End>", "ab|\nc"),
            ("a|b\nc", "<C-End>", "ab\nc|"),
            ("ab\n|c", "<C-Home>", "|ab\nc"),
            ("ab|\nc\ndef", "<Down><Down>", "ab\nc\nde|f"),
            ("ab|\nc", "<Right>", "ab\n|c"),
            ("ab\n|c", "<Left>", "ab|\nc"),
            ("|abc", "<S-Right><S-Right>X", "X|c"),
            ("|abc", "<S-Right><Right>X", "abX|c"),
            ("|a\nb", "<S-Down><BS>", "|b"),
            ("|ab", "<S-Right><C-Ins><End><C-v>", "aba|"),
            ("|ab", "<S-Right><S-Del><End><S-Ins>", "ba|"),
            ("a|bc\nd", "<C-k>", "a|\nd"),
            ("a|b\nc", "<C-a>x", "x|"),
            ("|a\nb", "<S-Down><S-End><Tab>", "  a\n  b|"),
            ("|", "one two<C-z>", "one |"),
            ("|", "one two<C-z><C-z>", "|"),
            ("|", "one two<C-z><C-z><C-y><C-y>", "one two|"),
            ("|", "one<BS><BS><C-z>", "one|"),
            ("|abc", "<S-Right><Esc>X", "aX|bc"),
        ],
    );
    let mut editor = editor(KeyPreset::Standard, "|x");
    assert_eq!(press(&mut editor, "<Esc>"), EditorOutcome::Leave);
    for key in ["<C-s>", "<C-x>", "<C-c>", "<C-o>", "<C-j>", "<A-e>", "<F7>"] {
        assert_eq!(press(&mut editor, key), EditorOutcome::Ignored, "{key}");
    }
    assert!(editor.takes_text() && editor.mode_label() == "EDIT");
    assert_eq!(marked(&editor), "|x");
}

#[test]
fn what_is_copied_is_offered_to_the_clipboard_once() {
    let mut editor = editor(KeyPreset::Vim, "|one two");
    press(&mut editor, "yw");
    assert_eq!(editor.take_copied().as_deref(), Some("one "));
    assert_eq!(editor.take_copied(), None);
}

#[test]
fn the_statement_under_the_cursor_runs() {
    let run = |sql: &str, offset| EditorOutcome::Run(RunRequest { sql: sql.into(), offset });
    let text = "SELECT ';';\n\n-- é\nSELECT |2;\n";
    for key in ["<F5>", "<C-CR>", "<CR>"] {
        assert_eq!(press(&mut editor(KeyPreset::Vim, text), key), run("SELECT 2", 19), "{key}");
    }
    let mut standard = editor(KeyPreset::Standard, "|SELECT 1; SELECT 2");
    assert_eq!(press(&mut standard, "<F5>"), run("SELECT 1", 0));
    assert_eq!(press(&mut standard, "<C-End><F5>"), run("SELECT 2", 10));
    assert_eq!(press(&mut standard, "<Home><S-Right><S-Right><F5>"), run("SE", 0));
    assert_eq!(press(&mut standard, "<F6>"), EditorOutcome::RunAll);
    let mut empty = editor(KeyPreset::Vim, "| -- nothing");
    assert_eq!(press(&mut empty, "<F5>"), EditorOutcome::Ignored);
}

#[test]
fn a_paste_is_one_edit_and_quick() {
    let line = "INSERT INTO t VALUES (1, 'text'), (2, 'more text');\r";
    let text = line.repeat(100_000 / line.len());
    for preset in [KeyPreset::Vim, KeyPreset::Standard] {
        let mut editor = editor(preset, "|;");
        let before = std::time::Instant::now();
        editor.paste(&text);
        // A frame each even in an unoptimised build on a loaded machine, not the minutes of one key each.
        assert!(before.elapsed().as_millis() < 1_000, "{:?}", before.elapsed());
        assert_eq!(editor.text().len(), text.len() + 1);
        press(&mut editor, if preset == KeyPreset::Vim { "u" } else { "<C-z>" });
        assert_eq!(editor.text(), ";");
    }
    let mut prompt = editor(KeyPreset::Vim, "|a one");
    press(&mut prompt, "/");
    prompt.paste("one\nmore");
    press(&mut prompt, "<CR>");
    assert_eq!(marked(&prompt), "a |one");
}

/// The screen as text, and its style runs: row, first cell, colours and modifiers.
fn screen(editor: &Editor, width: u16, height: u16, focused: bool) -> String {
    super::highlight::load();
    let theme = Theme::load("dusk", ColorDepth::Ansi).unwrap();
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let area = Rect::new(0, 0, width, height);
    let mut cursor = None;
    for _ in 0..1_000 {
        terminal
            .draw(|frame| {
                editor.draw(frame, area, focused, &theme);
                cursor = editor.cursor(area);
            })
            .unwrap();
        if !editor.wants_draw() {
            break;
        }
    }
    let cursor = cursor.map_or_else(|| "none".to_owned(), |at| format!("{},{}", at.x, at.y));
    format!(
        "{}\ncursor {cursor}\n{}",
        terminal.backend(),
        crate::tui::graph::style_runs::style_runs(terminal.backend().buffer())
    )
}

const SCRIPT: &str = "-- who depends on what\nSELECT p.name, count(*) AS dependants\nFROM depends d JOIN package p ON p.id = d.to_id\nWHERE p.size >= 1_024 AND p.name <> 'libc6'\nGROUP BY 1 ORDER BY 2 DESC\nLIMIT 10;\n\nWITH RECURSIVE up AS (SELECT 1) SELECT * FROM up;\n";

#[test]
fn the_editor_is_drawn() {
    let mut editor = editor(KeyPreset::Vim, &SCRIPT.replacen("count", "|count", 1));
    insta::assert_snapshot!("editor_60x12", screen(&editor, 60, 12, true));
    press(&mut editor, "Vj");
    insta::assert_snapshot!("editor_visual_60x12", screen(&editor, 60, 12, true));
    press(&mut editor, "<Esc>G");
    insta::assert_snapshot!("editor_narrow_24x4", screen(&editor, 24, 4, false));
    press(&mut editor, "gg/join<CR>/p.na");
    insta::assert_snapshot!("editor_search_60x12", screen(&editor, 60, 12, true));
}

#[test]
fn an_empty_editor_says_what_to_do() {
    insta::assert_snapshot!("editor_empty_40x3", screen(&Editor::new(KeyPreset::Vim), 40, 3, true));
}

#[test]
fn an_error_is_marked_until_the_next_edit() {
    let mut editor = editor(KeyPreset::Vim, "SELECT 1;\nSELECT nme FROM |t");
    editor.mark_error(Some((17..20, "no such column")));
    assert_eq!(marked(&editor), "SELECT 1;\nSELECT |nme FROM t");
    insta::assert_snapshot!("editor_error_30x3", screen(&editor, 30, 3, true));
    press(&mut editor, "iX");
    assert!(editor.error.is_none());
    editor.mark_error(Some((900..901, "")));
    assert!(
        screen(&editor, 30, 3, true).contains("UNDERLINED"),
        "a place behind the text is shown at its end"
    );
}

#[test]
fn hostile_text_is_drawn_harmless_and_aligned() {
    let editor = editor(
        KeyPreset::Vim,
        "|\x1b]0;owned\x07 \u{202e}drow\n漢字 e\u{301} \u{200b}|\t| \u{9b}31m\n'👩‍👩‍👧' 'ok'",
    );
    let screen = screen(&editor, 40, 4, true);
    assert!(!screen.chars().any(|c| c.is_control() && c != '\n'), "{screen:?}");
    insta::assert_snapshot!("editor_hostile_40x4", screen);
}

#[test]
fn the_view_follows_the_cursor_and_the_mouse_finds_its_character() {
    let text: String = (0..200).map(|n| format!("SELECT {n} AS column_{n}, '漢字' AS wide;\n")).collect();
    let mut editor = editor(KeyPreset::Vim, &format!("|{text}"));
    let area = Rect::new(5, 2, 30, 10);
    let theme = Theme::load("dusk", ColorDepth::True).unwrap();
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    for notation in ["G", "$", "100G$", "0", "gg"] {
        press(&mut editor, notation);
        terminal.draw(|frame| editor.draw(frame, area, true, &theme)).unwrap();
        let at = editor.cursor(area).expect("on the screen");
        assert!(area.contains(at), "{notation}: {at}");
        let before = editor.buffer.cursor();
        editor.click(at.x, at.y, area);
        assert_eq!(editor.buffer.cursor(), before, "{notation}");
    }
    editor.click(area.x + 5 + 7, area.y + 3, area);
    assert_eq!(editor.buffer.cursor(), Pos::new(3, 7));
    editor.scroll(50);
    assert_eq!(editor.buffer.cursor(), Pos::new(50, 7));
    editor.click(0, 0, area);
    assert_eq!(editor.buffer.cursor(), Pos::new(50, 7), "a click outside is not the editor's");
    for size in [(0, 0), (1, 1), (3, 1), (5, 2)] {
        terminal.draw(|frame| editor.draw(frame, Rect::new(0, 0, size.0, size.1), true, &theme)).unwrap();
    }
}
