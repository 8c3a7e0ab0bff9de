//! Lookup in the tables of what a user chooses by name.

use super::error::Error;

/// The line of `table` whose name is `name`.
///
/// # Errors
/// [`Error::Unknown`], with all names, where there is none.
pub fn find<'t, T>(
    what: &'static str,
    table: &'t [T],
    name: &str,
    name_of: impl Fn(&T) -> &'static str,
) -> Result<&'t T, Error> {
    let found = table.iter().find(|line| name_of(line) == name);
    found.ok_or_else(|| Error::Unknown {
        what,
        name: name.into(),
        known: table.iter().map(name_of).collect::<Vec<_>>().join(", "),
    })
}
