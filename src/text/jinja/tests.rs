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
    let recorded = include_str!("../../../tests/fixtures/chat_templates.json");
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

/// Each would take gigabytes, or hours.
#[test]
fn work_and_memory_are_bounded() {
    let many = "{% set n = namespace(x=[1]) %}{% for i in range(99) %}";
    let big = "{% set x = 'x' * 1000000 %}";
    for source in [
        "{{ 'x' * 10**9 }}",
        "{{ [1] * 10**9 }}",
        "{{ ('x' * 1000000) * 1000000 }}",
        &format!("{many}{{% set n.x = n.x + n.x %}}{{% endfor %}}"),
        &format!("{many}{{% set n.x = [n.x, n.x] %}}{{% endfor %}}{{{{ n.x }}}}"),
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x | tojson }}",
        &format!("{big}{{{{ x.replace('x', x) }}}}"),
        &format!("{big}{{{{ x.join(x) }}}}"),
        &format!("{big}{{{{ x | join(x) }}}}"),
        &format!("{big}{{{{ x | list | map('center', 100000) | list }}}}"),
        &format!("{big}{{% set y = '\\n' * 100000 %}}{{{{ y | indent(100000, blank=true) }}}}"),
        &format!("{big}{{{{ (x | list) | batch(10, x) | list | string }}}}"),
        "{{ 'a'.center(10**12) }}",
        "{{ 'a'.zfill(10**12) }}",
        "{{ '\t\t'.expandtabs(10**12) }}",
        "{{ '%1000000000000d' % 1 }}",
        "{{ '%.1000000000000f' % 1 }}",
        "{{ '%*d' % (10**12, 1) }}",
        "{{ '{:1000000000000}'.format(1) }}",
        "{{ '{:.1000000000000f}'.format(1.0) }}",
        "{{ [1] | batch(10**12, 'x') | list }}",
        "{{ [1] | slice(10**12) | list }}",
        "{{ [1] | tojson(indent=10**12) }}",
        "{{ 'a\nb' | indent(10**12) }}",
        "{{ 'a' | center(10**12) }}",
        "{{ strftime_now('%1000000000000d') }}",
        "{{ 10 ** 100 }}",
        "{{ 9223372036854775807 + 1 }}",
        "{{ range(10**12) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    ] {
        error(source);
    }
}

/// Chains that would take as much stack to free as they are long.
#[test]
fn long_chains_are_taken_apart() {
    let chain = "{% set n = namespace() %}{% for i in range(20000) %}{% set n.x = BODY %}{% endfor %}ok";
    let render = |body| render(&chain.replace("BODY", body), &BTreeMap::new());
    assert_eq!(render("namespace(y=n.x)").unwrap(), "ok");
    assert_eq!(render("namespace(y=n)").unwrap(), "ok");
    assert!(render("[n.x]").unwrap_err().to_string().contains("nested too deeply"));
    assert!(render("n.x | map('string') | batch(2)").is_ok());
    let closures = "{% set n = namespace() %}{% macro f() %}{% macro g() %}x{% endmacro %}{% set n.g = g %}{% endmacro %}\
        {% for i in range(20000) %}{% set _ = f() %}{% endfor %}{{ n.g() }}";
    assert_eq!(self::render(closures, &BTreeMap::new()).unwrap(), "x");
}

#[test]
fn deep_nesting_is_an_error() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{1:", "}"),
        ("not ", ""),
        ("-", ""),
        ("f(", ")"),
        ("1 if ", ""),
        ("a[", "]"),
    ] {
        let deep = format!("{{{{ {}1{} }}}}", open.repeat(100_000), close.repeat(100_000));
        assert!(error(&deep).contains("nested too deeply"), "{open}");
    }
    let deep = "{% if 1 %}".repeat(100_000) + &"{% endif %}".repeat(100_000);
    assert!(error(&deep).contains("nested too deeply"));
    for flat in [" + 1", " ~ 1", " or 0", " and 1", " * 1", " < 2", "|string", ".x[0]", " is number"] {
        let long = format!("{{{{ 1{} }}}}", flat.repeat(10_000));
        let _ = render(&long, &BTreeMap::new());
    }
    let long = "{% if 0 %}".to_string() + &"{% elif 0 %}".repeat(10_000) + "{% endif %}ok";
    assert_eq!(render(&long, &BTreeMap::new()).unwrap(), "ok");
}

/// The deepest that templates may nest, in half the stack that WebAssembly has.
#[test]
fn the_deepest_nesting_fits_a_small_stack() {
    let deepest = || {
        let messages = [
            "{% macro f(n) %}{% if n %}{% for x in [1] %}{{ (f(n + 1)) ~ 'x' }}{% endfor %}{% endif %}{% endmacro %}{{ f(1) }}",
            "{% for x in [1] recursive %}{% if x %}{{ (loop([x]) | upper) ~ 'y' }}{% endif %}{% endfor %}",
            "{% macro f() %}{% call g() %}{{ f() }}{% endcall %}{% endmacro %}{% macro g() %}{{ caller() }}{% endmacro %}{{ f() }}",
        ];
        for source in messages {
            assert!(error(source).contains("recursion"), "{}", error(source));
        }
        for (open, close) in
            [("(", ")"), ("[", "]"), ("{1:", "}"), ("not ", ""), ("f(x=", ")"), ("(1 if 1 else ", ")")]
        {
            for depth in 0..100 {
                let _ = render(
                    &format!("{{{{ {}1{} }}}}", open.repeat(depth), close.repeat(depth)),
                    &BTreeMap::new(),
                );
            }
        }
        let list = "{% set n = namespace(x=[1]) %}{% for i in range(98) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x | tojson }}{{ n.x }}";
        assert_eq!(render(list, &BTreeMap::new()).unwrap().len(), 4 * 99 + 2);
    };
    std::thread::Builder::new().stack_size(512 * 1024).spawn(deepest).unwrap().join().unwrap();
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
