// What is added to the sum of a row of the whole matrix.
{% if bias == "own" -%}
@group(0) @binding(6) var<storage, read> bias: array<f32>;
fn bias_of(row: u32) -> f32 { return bias[row]; }
{% elif bias == "behind the gain" -%}
fn bias_of(row: u32) -> f32 { return gain[shape.x_stride + row / 4u][row % 4u]; }
{% else -%}
fn bias_of(row: u32) -> f32 { return 0.0; }
{% endif -%}
