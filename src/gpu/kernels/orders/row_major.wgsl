// Row after row: invocations that share a row read neighbouring words.
@group(0) @binding(3) var<storage, read> codes: array<vec4<u32>>;
fn quad(row: u32, i: u32) -> vec4<u32> { return codes[row * shape.row_quads + i]; }
{% if params == 1 -%}
@group(0) @binding(4) var<storage, read> params: array<u32>;
fn affine(row: u32, group: u32) -> vec2<f32> { return unpack2x16float(params[row * shape.row_groups + group]); }
{%- elif params == 2 -%}
@group(0) @binding(4) var<storage, read> params: array<vec2<f32>>;
fn affine(row: u32, group: u32) -> vec2<f32> { return params[row * shape.row_groups + group]; }
{%- endif %}
