//! `heddle install-shims`: this binary under the names that existing setups call.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::exit::Exit;
use crate::shim::Shim;

const EXAMPLES: &str = "\
Examples:
  heddle install-shims ~/heddle-shims && export PATH=~/heddle-shims:$PATH
  sudo heddle install-shims /usr/local/bin
  heddle install-shims shims --python venv/lib/python3.11/site-packages

Makes symbolic links to this binary, which behaves by the name that it is called by:
  simple_switch_grpc   runs a program and serves P4Runtime, on 0.0.0.0:9559 unless told otherwise
  simple_switch        runs a program
  p4c, p4c-bm2-ss      compile P4-16 for v1model to what `heddle run` and both of the above load

Each takes the command line of the tool whose name it bears and says of a flag that it cannot serve what to use instead.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Where to make the links; made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Put the Python module p4.tmp.p4config_pb2, which clients of BMv2 import, beside the package p4 in this folder
    #[arg(long, value_name = "SITE_PACKAGES")]
    python: Option<PathBuf>,
    /// Replace other files of these names
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    let binary = std::env::current_exe().context("the path of this binary cannot be told")?;
    let folder = &options.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be created", folder.display()))?;
    // All or none: what stands in the way is looked for first.
    let mut links = Vec::new();
    for shim in Shim::ALL {
        let link = folder.join(shim.name());
        match std::fs::symlink_metadata(&link) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| link.display().to_string()),
            Ok(_) if options.force || std::fs::read_link(&link).is_ok_and(|to| is_heddle(&to)) => {}
            Ok(_) => bail!(
                "{}: is there already and is no link to heddle; choose another folder, or --force replaces it",
                link.display()
            ),
        }
        links.push(link);
    }
    for link in &links {
        match std::fs::remove_file(link) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{}: cannot be replaced", link.display()));
            }
            Ok(()) | Err(_) => {}
        }
        symlink(&binary, link).with_context(|| format!("{}: cannot be made", link.display()))?;
        println!("{} -> {}", link.display(), binary.display());
    }
    if let Some(packages) = &options.python {
        println!("{}", python_module(packages)?.display());
    }
    Ok(Exit::Success)
}

/// Writes the module in which P4Runtime's clients for BMv2 wrap what they load; the package `p4runtime` lacks it.
fn python_module(packages: &Path) -> anyhow::Result<PathBuf> {
    let p4 = packages.join("p4");
    if !p4.is_dir() {
        bail!("{}: no package p4 is there; install it first (`pip install p4runtime`)", packages.display());
    }
    let folder = p4.join("tmp");
    let module = folder.join("p4config_pb2.py");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("__init__.py"), ""))
        .and_then(|()| std::fs::write(&module, include_str!("../shim/p4config_pb2.py")))
        .with_context(|| format!("{}: cannot be written", module.display()))?;
    Ok(module)
}

fn is_heddle(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "heddle")
}
