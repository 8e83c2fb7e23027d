//! Compresses the files of the live page, which are a third of their size then.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

/// Writes `{from}.gz` of each file of a folder into `to`.
fn compress(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            compress(&path, &to.join(name))?;
            continue;
        }
        let mut output = PathBuf::from(to).join(name).into_os_string();
        output.push(".gz");
        let mut encoder = GzEncoder::new(fs::File::create(output)?, Compression::best());
        encoder.write_all(&fs::read(path)?)?;
        encoder.finish()?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=page");
    let output = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    if env::var_os("CARGO_FEATURE_PAGE").is_some() {
        compress(Path::new("page"), &Path::new(&output).join("page"))?;
    }
    Ok(())
}
