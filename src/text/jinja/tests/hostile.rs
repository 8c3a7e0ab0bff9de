//! Templates that mean harm: they end by fuel or an error, in little time, memory and stack, and leave nothing behind.

use super::super::{Fuel, Template, Value};
use super::{FUEL, error, render};
use std::collections::BTreeMap;

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
        ("1 if 1 else ", ""),
        ("a[", "]"),
    ] {
        let deep = format!("{{{{ {}1{} }}}}", open.repeat(100_000), close.repeat(100_000));
        assert!(error(&deep).contains("nested too deeply"), "{open}");
    }
    let deep = "{% if 1 %}".repeat(100_000) + &"{% endif %}".repeat(100_000);
    assert!(error(&deep).contains("nested too deeply"));
    for flat in [
        " + 1",
        " ~ 1",
        " or 0",
        " and 1",
        " * 1",
        " < 2",
        " if 1",
        " if 0",
        "|string",
        ".x[0]",
        " is number",
    ] {
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

/// `run` in half the stack that WebAssembly has.
fn in_a_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 * 1024).spawn(run).unwrap().join().unwrap();
}

#[test]
fn what_holds_others_is_freed_in_a_small_stack() {
    in_a_small_stack(|| {
        let none = BTreeMap::new();
        let many = "{% set n = namespace(c=0) %}{% for i in range(20000) %}BODY{% endfor %}ok";
        for held in
            ["cycler(n.c)", "joiner(n.c)", "cycler(n.c).next", "[cycler(n.c)]", "joiner(sep=cycler(n.c))"]
        {
            let message = error(&many.replace("BODY", &format!("{{% set n.c = {held} %}}")));
            assert!(message.contains("nested too deeply"), "{held}: {message}");
        }
        for body in [
            // Each `caller`, loop or namespace holds the one before it.
            "{% set p = n.c %}{% call(x) keep() %}{{ p }}{% endcall %}",
            "{% set p = n.c %}{% for x in [1] recursive %}{% set n.c = loop %}{% endfor %}",
            "{% for x in [1] %}{% set _ = loop.changed(n.c) %}{% set n.c = loop %}{% endfor %}",
            "{% for x in [1] %}{% set _ = loop.changed(loop, [loop]) %}{% set n.c = loop %}{% endfor %}",
            "{% set n.c = cycler(namespace(c=n.c)) %}",
        ] {
            let keep = "{% macro keep() %}{% set n.c = caller %}{% endmacro %}";
            let source = many.replace("BODY", body).replacen("{% for", &format!("{keep}{{% for"), 1);
            assert_eq!(render(&source, &none).unwrap(), "ok", "{body}");
        }
        let printed = "{% set n = namespace() %}{% for i in range(20000) %}{% set n.x = namespace(y=n.x) %}{% endfor %}";
        for print in
            ["{{ n }}", "{{ [n] }}", "{{ {1: n} | string }}", "{{ '%r' % n }}", "{{ '{!r}'.format(n) }}"]
        {
            let message = error(&format!("{printed}{print}"));
            assert!(message.contains("too deeply to be printed"), "{print}: {message}");
        }
        for count in [17, 5_000, 100_000] {
            // Generators within the one that is looped over are asked for nothing.
            let maps = format!("{{{{ ['a'] | map(*(['map'] * {count})) | list }}}}");
            let ended = render(&maps, &none).unwrap_or_else(|error| error.to_string());
            assert!(ended == "[<generator object>]" || ended.contains("fuel"), "{ended}");
        }
        assert_eq!(
            render("{{ [['a']] | map('map', 'upper') | map('list') | list }}", &none).unwrap(),
            "[['A']]"
        );
        // The deepest value printed as deep as calls go.
        let deep = "{% set n = namespace(x=[1]) %}{% for i in range(98) %}{% set n.x = [n.x] %}{% endfor %}\
            {% macro f(k) %}{% if k %}{{ f(k - 1) }}{% else %}{{ n.x }}{{ n.x | tojson }}{% endif %}{% endmacro %}{{ f(DEPTH) }}";
        let fits = (0..120)
            .filter(|depth| render(&deep.replace("DEPTH", &depth.to_string()), &BTreeMap::new()).is_ok());
        assert!(fits.count() > 50);
    });
}

/// What would be freed only by the end of the process.
#[test]
fn what_holds_itself_is_freed() {
    for source in [
        "{% macro f() %}{% set n.c = caller %}{% endmacro %}{% call f() %}{{ t }}{% endcall %}",
        "{% for x in [1] recursive %}{% set n.c = loop %}{% endfor %}",
        "{% for x in [1] %}{% set _ = loop.changed(loop, t) %}{% endfor %}",
        "{% for x in [1] %}{% set _ = loop.changed(1) %}{% set _ = loop.changed([loop], t) %}{% endfor %}",
        "{% set n.n = n %}",
        // The scope inside `with` has a name for what holds it.
        "{% macro f() %}{% set n.c = caller %}{% endmacro %}\
            {% with u = t %}{% call f() %}x{% endcall %}{% set q = n.c %}{% endwith %}",
        "{% with u = t %}{% for x in [1] recursive %}{% set n.c = loop %}{% endfor %}{% set q = n.c %}{% endwith %}",
    ] {
        for before in ["", "{% set s = t %}{% set q = n %}"] {
            let text: std::sync::Arc<str> = "text".into();
            let source =
                format!("{{% set n = namespace() %}}{before}{source}{{% set n.t = t %}}{{% set c = n.c %}}");
            let fuel = Fuel::new(FUEL);
            Template::parse(&source).unwrap().render(vec![("t", Value::Str(text.clone()))], fuel).unwrap();
            assert_eq!(std::sync::Arc::strong_count(&text), 1, "{source}");
        }
    }
}

/// Each is a step or two for a template, and seconds or minutes of work.
#[test]
fn long_work_costs_fuel() {
    let text = "é".repeat(5_000_000);
    let words = "a".repeat(2_000_000);
    let many = |count: usize, body: fn(usize) -> String| (0..count).map(body).collect::<Vec<_>>().join(", ");
    let parameters = many(30_000, |i| format!("p{i}"));
    let arguments = many(30_000, |i| format!("p{}=1", 29_999 - i));
    let sets = many(30_000, |i| format!("x{i}"));
    let dict = "{% set d = dict(range(4000) | map('string') | batch(2) | list) %}";
    assert_eq!(render(&format!("{dict}{{{{ d | length }}}}"), &BTreeMap::new()).unwrap(), "2000");
    let again = "{% for i in range(100000) %}";
    let started = std::time::Instant::now();
    for body in [
        "s | reverse",
        "s % ()",
        "s | int(1)",
        "s | float(1)",
        "[s] | sort",
        "[s] | unique | list",
        "[s] | min",
        "[s] | max",
        "[{'a': s}] | groupby('a')",
        "{'a': s} | dictsort(by='value')",
        "[s] | map(attribute=s) | list",
        "s.strip(s)",
        "s.splitlines()",
        "s[0]",
        "s[-1]",
        "'a' | truncate(9000000, end=s)",
        "s is lower",
        "s.startswith((s,) * 9)",
        "s | filesizeformat",
        "s.zfill(1)",
        "w | wordwrap(1)",
        "w | wordwrap(1, wrapstring=w)",
        "w.strip(w)",
    ] {
        let source = format!("{{% for i in range(20000) %}}{{% if {body} %}}{{% endif %}}{{% endfor %}}");
        let variables = [("s", &text), ("w", &words)];
        let variables = variables.map(|(name, text)| (name.to_string(), Value::text(&**text))).into();
        assert!(render(&source, &variables).is_err(), "{body}");
    }
    for source in [
        "{{ [] * 9223372036854775807 }}{{ '' * 9223372036854775807 }}{{ () * 9223372036854775807 }}",
        "{% set n = namespace(x=(1,)) %}{% for i in range(90) %}{% set n.x = (n.x, n.x) %}{% endfor %}{{ {n.x: 1} }}",
        &format!("{{% macro f({parameters}) %}}x{{% endmacro %}}{{{{ f({arguments}) }}}}"),
        &format!(
            "{{% set {sets} = range(30000) %}}{{% for i in range(100000) %}}{{{{ x29999 }}}}{{% endfor %}}"
        ),
        &format!(
            "{dict}{{% for i in range(9000) %}}{{% set m = namespace(n.d) %}}{{{{ m.k8999 }}}}{{% endfor %}}"
        ),
        &format!("{{{{ 1 | a{} }}}}", ".a".repeat(300_000)),
        &format!("{{{{ {}0 }}}}", "0 if ".repeat(300_000)),
    ] {
        let _ = render(source, &BTreeMap::new());
    }
    for source in [
        "{% set n = namespace(d) %}AGAIN{{ n['3998'] }}{% endfor %}",
        "{% macro f() %}{{ kwargs | length }}{% endmacro %}AGAIN{{ f(**d) }}{% endfor %}",
        "AGAIN{{ '{x}'.format(x=1, **d) }}{% endfor %}",
    ] {
        let message = error(&format!("{dict}{}", source.replace("AGAIN", again)));
        assert!(message.contains("fuel"), "{source}: {message}");
    }
    // Minutes where any of them is free.
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}
