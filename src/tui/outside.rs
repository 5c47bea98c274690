//! The user's own editor: `$VISUAL`, `$EDITOR`, or vi, on a file that only the user can read.

use std::fs;
use std::io::Write;
use std::process::Command;

use crate::model::{Error, Result};

/// The longest text that is taken back.
const TEXT_MAX_BYTES: u64 = 16 << 20;

/// Runs the editor on a text and waits for it; gives what it left.
///
/// # Errors
/// `Io` where the editor cannot be run, has failed, or left no text.
pub(super) fn edit(text: &str) -> Result<String> {
    let failed = |e: &std::io::Error| Error::io("hand the text to the editor", e);
    // The file is made for its user alone, and goes when this function ends.
    let mut file =
        tempfile::Builder::new().prefix("aresadb-").suffix(".sql").tempfile().map_err(|e| failed(&e))?;
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(|e| failed(&e))?;
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".into());
    // As git does: the variable may hold arguments, the file is passed apart from it.
    let mut line = editor.clone();
    line.push(" \"$@\"");
    let status =
        Command::new("sh").arg("-c").arg(line).arg("sh").arg(file.path()).status().map_err(|e| failed(&e))?;
    if !status.success() {
        let text = format!("the editor {} ended with {status}: the text stays as it was", editor.display());
        return Err(
            Error::new(crate::model::ErrorKind::Io, text).with_hint("set $EDITOR to an editor that is there")
        );
    }
    // An editor may have put another file under the name.
    let found = fs::metadata(file.path()).map_err(|e| failed(&e))?;
    if found.len() > TEXT_MAX_BYTES {
        return Err(Error::bad_input(format!("the text is too long: {} bytes", found.len())));
    }
    let bytes = fs::read(file.path()).map_err(|e| failed(&e))?;
    String::from_utf8(bytes).map_err(|_| Error::bad_input("the text is not UTF-8: it stays as it was"))
}
