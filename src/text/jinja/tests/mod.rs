mod hostile;

use super::{Error, Fuel, Template, Value};
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What Jinja2 itself made of templates: `tests/fixtures/chat_templates.py`.
#[derive(Deserialize)]
struct Recorded {
    contexts: BTreeMap<String, BTreeMap<String, Value>>,
    templates: Vec<(String, Vec<Rendering>)>,
}

/// The name of a context and the text, or nothing where there was an error.
type Rendering = (String, Option<String>);

const FUEL: u64 = 1_000_000;

fn render(source: &str, variables: &BTreeMap<String, Value>) -> Result<String, Error> {
    let variables = variables.iter().map(|(name, value)| (name.as_str(), value.clone()));
    Template::parse(source)?.render(variables.collect(), Fuel::new(FUEL))
}

fn error(source: &str) -> String {
    render(source, &BTreeMap::new()).unwrap_err().to_string()
}

#[test]
fn renders_as_jinja2_does() {
    let recorded = include_str!("../../../../tests/fixtures/chat_templates.json");
    let recorded: Recorded = serde_json::from_str(recorded).unwrap();
    let mut compared = 0;
    for (source, texts) in &recorded.templates {
        for (context, expected) in texts {
            let rendered = render(source, &recorded.contexts[context]);
            match expected {
                Some(text) => assert_eq!(rendered.as_ref(), Ok(text), "{context}: {source}"),
                None => assert!(rendered.is_err(), "{context}: {source}: {rendered:?}"),
            }
            compared += 1;
        }
    }
    assert!(compared > 400, "{compared}");
}

#[test]
fn an_error_says_once_what_and_where() {
    assert_eq!(error("a\n{{ 1 +\n x }}"), "'x' is undefined (line 2 of the template)");
    assert_eq!(error("a\r\nb\r\n{{ x.y.z }}"), "'x' is undefined (line 3 of the template)");
    assert_eq!(
        error("{% macro f(x) %}\n{{ x.y }}\n{% endmacro %}\n{% for i in [1] %}\n{{ f() }}{% endfor %}"),
        "parameter 'x' was not provided (line 2 of the template)"
    );
    assert_eq!(error("\n\n{{ raise_exception('no tools') }}"), "no tools (line 3 of the template)");
    assert_eq!(
        error("\n{% if %}"),
        "expected an expression, got 'end of statement block' (line 2 of the template)"
    );
    assert_eq!(error("\n\n{% nope %}"), "unknown tag 'nope' (line 3 of the template)");
    assert_eq!(error("a\n{{ 'b\n }}"), "unexpected char '\\'' (line 2 of the template)");
    assert_eq!(
        error("\n{{ '\\x4' }}"),
        "\\x in a string takes 2 hexadecimal digits (line 2 of the template)"
    );
    assert_eq!(error("\n{{ 1 | nope }}"), "No filter named 'nope'. (line 2 of the template)");
    assert_eq!(error("{#\n\n"), "Missing end of comment tag (line 1 of the template)");
}

#[test]
fn numbers_at_the_ends_of_their_range() {
    let render = |source: &str| render(&format!("{{{{ {source} }}}}"), &BTreeMap::new());
    for (source, expected) in [
        ("[] * 9223372036854775807", "[]"),
        ("'' * 9223372036854775807", ""),
        ("'%.5000g' % 0.5", "0.5"),
        ("('%.65535f' % 0.5) | length", "65537"),
        ("('%#.65535g' % 0.0001220703125) | length", "65540"),
        ("('%.65535d' % 5) | length", "65535"),
        ("('%65535s' % 5) | length", "65535"),
        ("('{:065535,}'.format(1)) | length", "65535"),
        ("'abc' | truncate(9223372036854775807)", "abc"),
        ("'abc' | truncate(255, leeway=9223372036854775807)", "abc"),
        ("9223372036854775804 | round(-1)", "9223372036854775800"),
        ("25 | round(-1)", "20"),
        ("35 | round(-1)", "40"),
        ("(-25) | round(-1)", "-20"),
        ("(-26) | round(-1)", "-30"),
        ("9223372036854775807 | round(-9223372036854775807 - 1)", "0"),
        ("1234 | round(-400)", "0"),
        ("1.5 | round(-400)", "0.0"),
        ("(-1.5) | round(-400)", "-0.0"),
        ("1.5 | round(-9223372036854775807 - 1)", "0.0"),
        ("1.5 | round(9223372036854775807)", "1.5"),
        ("1234.5 | round(-2)", "1200.0"),
        ("7 | round(400, 'ceil')", "7.0"),
        ("'5'.zfill(-9223372036854775807 - 1)", "5"),
        ("'-5'.zfill(-9223372036854775807 - 1)", "-5"),
        ("'a b'.split(' ', 9223372036854775807)", "['a', 'b']"),
        ("range(10)[::9223372036854775807] | list", "[0]"),
        ("range(-9000000000000000000, 9000000000000000000, 1000000000000000000) | length", "18"),
        (
            "(range(-9000000000000000000, 9000000000000000000, 1000000000000000000) | list)[-1]",
            "8000000000000000000",
        ),
        (
            "range(9000000000000000000, -9000000000000000000, -1000000000000000000) | last",
            "-8000000000000000000",
        ),
        ("range(5, 0) | list", "[]"),
        ("range(3, 3) | list", "[]"),
        ("range(0, 5, -1) | list", "[]"),
        ("range(5, 0, -2) | list", "[5, 3, 1]"),
        ("range(0, 9, 3)[1:]", "range(3, 9, 3)"),
        ("(-9223372036854775807 - 1) % -1", "0"),
    ] {
        assert_eq!(render(source).as_deref(), Ok(expected), "{source}");
    }
    for source in [
        "'%.70000f' % 1.5",
        "'%.70000d' % 5",
        "'%.70000e' % 5",
        "'%.70000g' % 5",
        "'%70000d' % 5",
        "'%*d' % (70000, 5)",
        "'%.*f' % (70000, 5)",
        "'{:070000,}'.format(1)",
        "'{:.70000f}'.format(1.5)",
        "'{:.70000}'.format(1.5)",
        "'{:.70000%}'.format(1.5)",
        "'{:70000}'.format('a')",
        "'{:{}}'.format(1, 70000)",
    ] {
        let message = render(source).unwrap_err().to_string();
        assert!(message.contains("a width or precision above 65535 is not supported"), "{source}: {message}");
    }
    for source in [
        "9223372036854775807 | round(-1)",
        "1.5 | round(-400, 'ceil')",
        "1.5 | round(400, 'floor')",
        "1.7e308 | round(-308)",
        "'abc' | truncate(-9223372036854775807 - 1)",
        "range(0, 9000000000000000000, 1000000000000000000)[::9223372036854775807]",
        "(-9223372036854775807 - 1) | abs",
    ] {
        assert!(render(source).is_err(), "{source}: {:?}", render(source));
    }
}

#[test]
fn conditionals_in_a_row() {
    let render = |source: &str| render(&format!("{{{{ {source} }}}}"), &BTreeMap::new()).unwrap();
    assert_eq!(render("'a' if 1 if 1 else 'b'"), "a");
    assert_eq!(render("'a' if 1 if 0 else 'b'"), "b");
    assert_eq!(render("'a' if 0 if 1 else 'b'"), "");
    assert_eq!(render("'a' if 0 else 'b' if 0 else 'c'"), "c");
    assert_eq!(render("'a' if 0 else 'b' if 1 if 0"), "");
    assert_eq!(render("'a' if nope.x.y if 0 else 'b'"), "b");
}

proptest! {
    #[test]
    fn no_template_panics(source in "([ -~\n]|\\{\\{|\\}\\}|\\{%|%\\}|\\{#|#\\}|é|😀|[a-z]{1,6}\\(|\\|[a-z]+){0,40}") {
        let _ = render(&source, &BTreeMap::new());
    }

    #[test]
    fn no_expression_panics(
        left in "('[a-zé😀 %{}]{0,5}'|-?[0-9]{1,3}(\\.[0-9])?|\\[1, 'a'\\]|\\{'a': 1\\}|none|nope|'%[0-9.+# -]{0,4}[a-z]'|'\\{[!:<>^0-9.,+a-z]{0,6}\\}')",
        operation in "( (\\+|-|\\*|/|//|%|~|==|<|in|and) 2|\\[-?[0-9]?:-?[0-9]?(:-?[1-9])?\\]|\\[-?[0-9]\\]|\\.(split|center|find|format|partition|title|zfill)\\(('a'|3|1.5)?(, '?b'?)?\\)|\\|(indent|truncate|wordwrap|batch|slice|round|int|join|sort|tojson|title|urlencode|replace|wordcount)(\\([0-9]{0,2}(, 'x')?\\))?){0,3}"
    ) {
        let _ = render(&format!("{{{{ ({left}){operation} }}}}"), &BTreeMap::new());
    }
}
