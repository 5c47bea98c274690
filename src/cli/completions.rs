//! Completion scripts for shells, from the parser and the registry.

use crate::bus::registry::{LATER, SHELL};

use super::args::{Shell, command};

/// The script of a shell.
pub fn script(shell: Shell) -> String {
    let mut parser = command();
    parser.build();
    let commands: Vec<_> = SHELL.iter().filter(|spec| spec.group != LATER).collect();
    let options = |name: Option<&str>| -> Vec<String> {
        let of = name.map_or(Some(&parser), |name| parser.find_subcommand(name));
        of.into_iter()
            .flat_map(clap::Command::get_opts)
            .filter_map(|option| option.get_long())
            .map(|long| format!("--{long}"))
            .collect()
    };
    // What can follow a command: its own commands, then its options.
    let words = |name: &str| -> Vec<String> {
        let inner = parser.find_subcommand(name).into_iter().flat_map(clap::Command::get_subcommands);
        inner.map(|c| c.get_name().to_owned()).filter(|n| n != "help").chain(options(Some(name))).collect()
    };
    let names: Vec<&str> = commands.iter().map(|spec| spec.name).collect();
    let mut text = String::new();
    match shell {
        Shell::Bash => {
            text.push_str("_aresadb() {\n  local word=\"${COMP_WORDS[COMP_CWORD]}\" words\n");
            text.push_str("  case \"${COMP_WORDS[1]}\" in\n");
            for name in &names {
                text.push_str(&format!("    {name}) words=\"{}\" ;;\n", words(name).join(" ")));
            }
            text.push_str(&format!(
                "    *) words=\"{} {}\" ;;\n  esac\n",
                names.join(" "),
                options(None).join(" ")
            ));
            text.push_str("  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n");
            text.push_str("complete -o default -F _aresadb aresadb\n");
        }
        Shell::Zsh => {
            text.push_str("#compdef aresadb\n_aresadb() {\n  local -a commands\n  commands=(\n");
            for spec in &commands {
                text.push_str(&format!("    '{}:{}'\n", spec.name, spec.help.replace('\'', "'\\''")));
            }
            text.push_str("  )\n  if (( CURRENT == 2 )); then _describe command commands; fi\n");
            text.push_str("  case \"$words[2]\" in\n");
            for name in &names {
                text.push_str(&format!("    {name}) compadd -- {} ;;\n", words(name).join(" ")));
            }
            text.push_str("  esac\n  _files\n}\n_aresadb \"$@\"\n");
        }
        Shell::Fish => {
            for spec in &commands {
                text.push_str(&format!(
                    "complete -c aresadb -n __fish_use_subcommand -a {} -d '{}'\n",
                    spec.name,
                    spec.help.replace('\'', "\\'")
                ));
                for word in words(spec.name) {
                    let given = match word.strip_prefix("--") {
                        Some(option) => format!("-l {option}"),
                        None => format!("-a {word}"),
                    };
                    text.push_str(&format!(
                        "complete -c aresadb -n '__fish_seen_subcommand_from {}' {given}\n",
                        spec.name
                    ));
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_completed_in_every_shell() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let text = script(shell);
            assert!(SHELL.iter().filter(|s| s.group != LATER).all(|s| text.contains(s.name)), "{text}");
            assert!(text.contains("on-error") && text.contains("tail"), "{text}");
        }
    }
}
