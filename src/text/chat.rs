//! The chat template that a GGUF file carries, rendered as `transformers` would. Templates are untrusted: their
//! work and memory are bounded by fuel.

use super::Error;
use super::jinja::{self, Fuel, Template, Value};
use crate::gguf::Metadata;

/// Fuel of a rendering, whatever the messages: about that many steps or 64 bytes each.
const FUEL: u64 = 1_000_000;
/// More fuel for each byte of the messages: some templates walk through them several times.
const FUEL_PER_BYTE: u64 = 4;

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What was said.
    pub content: String,
}

/// A chat template that compiles.
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    template: Template,
    /// The special tokens that the file names, as variables.
    tokens: Vec<(&'static str, String)>,
}

/// Special tokens: the names that templates know them by, and the keys of their ids.
const TOKENS: [(&str, &str); 7] = [
    ("bos_token", "tokenizer.ggml.bos_token_id"),
    ("eos_token", "tokenizer.ggml.eos_token_id"),
    ("unk_token", "tokenizer.ggml.unknown_token_id"),
    ("sep_token", "tokenizer.ggml.seperator_token_id"),
    ("pad_token", "tokenizer.ggml.padding_token_id"),
    ("cls_token", "tokenizer.ggml.cls_token_id"),
    ("mask_token", "tokenizer.ggml.mask_token_id"),
];

impl ChatTemplate {
    /// Compiles `tokenizer.chat_template`.
    ///
    /// # Errors
    /// [`Error::NoTemplate`] where there is none, [`Error::Metadata`] where it is no text, [`Error::Template`] where it is not
    /// a template.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self, Error> {
        let source = metadata.optional_string("tokenizer.chat_template")?.ok_or(Error::NoTemplate)?;
        let template = Template::parse(source).map_err(failed)?;
        let token = |key| {
            // What is wrong with these keys is the tokenizer's to say.
            let id = metadata.optional_uint(key).ok()??;
            let tokens = metadata.optional_strings("tokenizer.ggml.tokens").ok()??;
            tokens.get(usize::try_from(id).ok()?).cloned()
        };
        let tokens = TOKENS.iter().filter_map(|(name, key)| Some((*name, token(key)?))).collect();
        Ok(Self { template, tokens })
    }

    /// The prompt for `messages`, ready for the assistant's answer (`add_generation_prompt`).
    ///
    /// # Errors
    /// [`Error::Template`] with the template's own words where it rejects the messages, and where it does more
    /// work than any honest template.
    pub fn render(&self, messages: &[Message]) -> Result<String, Error> {
        let bytes: usize = messages.iter().map(|m| m.role.len() + m.content.len()).sum();
        let fuel = Fuel::new(FUEL + FUEL_PER_BYTE * bytes as u64);
        self.variables(messages, &fuel).and_then(|v| self.template.render(v, fuel)).map_err(failed)
    }

    fn variables(&self, messages: &[Message], fuel: &Fuel) -> jinja::Result<Vec<(&'static str, Value)>> {
        let messages = messages.iter().map(|message| {
            let pairs = [("role", &message.role), ("content", &message.content)];
            Value::dict(pairs.map(|(key, text)| (Value::text(key), Value::text(&**text))).into(), fuel)
        });
        let mut variables = vec![
            ("messages", Value::list(messages.collect::<jinja::Result<_>>()?, fuel)?),
            ("add_generation_prompt", Value::Bool(true)),
            ("tools", Value::None),
            ("documents", Value::None),
        ];
        variables.extend(self.tokens.iter().map(|(name, token)| (*name, Value::text(&**token))));
        Ok(variables)
    }
}

fn failed(error: jinja::Error) -> Error {
    Error::Template(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::{self, Array};

    fn template(source: &str) -> Result<ChatTemplate, Error> {
        let mut metadata = Metadata::default();
        metadata.set("tokenizer.chat_template", gguf::Value::String(source.into()));
        let tokens = ["<s>", "</s>"].map(String::from).to_vec();
        metadata.set("tokenizer.ggml.tokens", gguf::Value::Array(Array::String(tokens)));
        metadata.set("tokenizer.ggml.bos_token_id", gguf::Value::U32(0));
        metadata.set("tokenizer.ggml.eos_token_id", gguf::Value::U32(7));
        ChatTemplate::from_metadata(&metadata)
    }

    fn render(source: &str) -> Result<String, Error> {
        let message = |role: &str, content: &str| Message { role: role.into(), content: content.into() };
        template(source)?.render(&[message("system", " Be <brief>. "), message("user", "Hi")])
    }

    fn error(source: &str) -> String {
        let error = render(source).unwrap_err();
        assert_eq!(error.code(), "template-failed");
        error.to_string()
    }

    #[test]
    fn blocks_are_trimmed_as_in_transformers() {
        let source = "{% for m in messages %}\n  {% if m.role == 'user' %}\n{{ m.content }}\n  {% endif %}\n{% endfor %}\n";
        assert_eq!(render(source).unwrap(), "Hi\n");
    }

    #[test]
    fn variables_and_python_methods() {
        let source =
            "{{ bos_token }}{{ eos_token }}{{ messages[0]['content'].strip() }}{{ add_generation_prompt }}";
        assert_eq!(render(source).unwrap(), "<s>Be <brief>.True");
        let source = "{{ messages[0].get('name', 'none') }} {{ messages[-1].content.startswith('H') }} \
            {{ tools is none }} {{ 'role' in messages[0] }} {{ messages[0].name is defined }}";
        assert_eq!(render(source).unwrap(), "none True True True False");
        assert_eq!(render("{{ messages[0].content | tojson }}").unwrap(), "\" Be <brief>. \"");
        assert_eq!(render("{{ strftime_now('%Y') | length }}").unwrap(), "4");
    }

    #[test]
    fn the_templates_own_words_reach_the_user() {
        let source =
            "{% if messages[0].role == 'system' %}{{ raise_exception('no system role here') }}{% endif %}";
        assert!(error(source).contains("no system role here"));
        assert!(error("{{ strftime_now('%Q') }}").contains("%Q"));
    }

    #[test]
    fn an_error_says_once_what_failed_and_where() {
        let expected =
            "the file's chat template failed: 'dict object' has no attribute 'name' (line 2 of the template)";
        assert_eq!(error("{{ messages[0].role }}\n{{ messages[0].name.first }}"), expected);
        let broken = template("\n\n{% if true %}").unwrap_err();
        let expected = "the file's chat template failed: unexpected end of template, expected the tag 'elif' or \
            'else' or 'endif' (line 3 of the template)";
        assert_eq!(broken.to_string(), expected);
        assert_eq!(broken.of_template().to_string(), expected);
    }

    #[test]
    fn ends_of_lines_in_the_template_are_one_but_not_in_messages() {
        let message = Message { role: "user".into(), content: "a\r\nb\r".into() };
        let template = template(
            "{% for m in messages %}\r\n  {% if m %}\r\n{{ m.content }}\r|\r\n  {% endif %}\r\n{% endfor %}\r\n",
        );
        assert_eq!(template.unwrap().render(&[message]).unwrap(), "a\r\nb\r\n|\n");
    }

    #[test]
    fn hostile_templates_end() {
        let forever = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
        assert!(error(forever).contains("fuel"), "{}", error(forever));
        let doubling =
            "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}";
        assert!(error(doubling).contains("fuel"), "{}", error(doubling));
        assert!(error("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").contains("recursion"));
        error("{{ 'x' * 99999999999 }}");
    }

    #[test]
    fn broken_and_missing_templates() {
        assert_eq!(template("{% for %}").unwrap_err().code(), "template-failed");
        assert_eq!(
            template(&"(".repeat(100_000).replace('(', "{{ (")).unwrap_err().code(),
            "template-failed"
        );
        let missing = ChatTemplate::from_metadata(&Metadata::default()).unwrap_err();
        assert_eq!(missing.code(), "template-missing");
    }

    #[test]
    fn long_messages_have_fuel() {
        let template = template("{% for m in messages %}{{ m.content | trim }}{% endfor %}").unwrap();
        let content = "word ".repeat(1_000_000);
        let prompt = template.render(&[Message { role: "user".into(), content }]).unwrap();
        assert_eq!(prompt.len(), 4_999_999);
    }
}
