// Word w of all rows, then word w + 1: invocations with a row each read neighbouring words. (Software adapters turn
// that into one vector load; anything else is a gather.)
@group(0) @binding(3) var<storage, read> codes: array<u32>;
fn quad(row: u32, i: u32) -> vec4<u32> {
  let at = i * 4u * shape.rows + row;
  return vec4<u32>(codes[at], codes[at + shape.rows], codes[at + 2u * shape.rows], codes[at + 3u * shape.rows]);
}
{% if params == 1 -%}
@group(0) @binding(4) var<storage, read> params: array<u32>;
fn affine(row: u32, group: u32) -> vec2<f32> { return unpack2x16float(params[group * shape.rows + row]); }
{%- elif params == 2 -%}
@group(0) @binding(4) var<storage, read> params: array<f32>;
fn affine(row: u32, group: u32) -> vec2<f32> {
  let at = group * 2u * shape.rows + row;
  return vec2<f32>(params[at], params[at + shape.rows]);
}
{%- endif %}
