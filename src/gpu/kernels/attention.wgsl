// attention: out[m, h] = softmax(scale * q[m, h] . keys) . values over the positions that row m sees.
//
// A workgroup of {{ workgroup }} has {{ heads }} query heads that share a key/value head, of {{ rows }} rows: {{ heads * rows }} queries, which share
// loads of keys and of values. Keys come in chunks of {{ chunk }} counted from position 0: of a chunk an invocation scores {{ chunk // workgroup }}, then it
// sums a quad of the values over the keys.
{%- if split %}
// Dispatch: (heads / {{ heads }}, M / {{ rows }}, any): workgroup z takes every z-th chunk and leaves its sums to merge.wgsl, which merges them in
// ascending order. partials: as there.
{%- else %}
// Dispatch: (heads / {{ heads }}, M / {{ rows }}): a workgroup merges its chunks in ascending order, as merge.wgsl does. out: [M, heads * head_dim / 4]
// of vec4.
{%- endif %}
// Reduction order: a score sums elements in ascending order; a chunk's mass is summed four by four keys, its values key by key, both
// ascending; then chunk by chunk. None of it depends on other rows, on how many chunks there are or on who has them:
// batch-invariant.
// q: [M, heads * head_dim / 4] of vec4, the elements of a head pair by pair as in the cache.
{% include "pass.wgsl" %}
{% include "cache.wgsl" %}
{% include "merge.wgsl" %}
{%- set queries = heads * rows %}
{%- set keys = chunk // workgroup %}
{%- set quads = head_dim // 4 %}
{#- Invocations that share a quad, with other queries each; queries and quads of each. #}
{%- set parts = [workgroup // quads, 1] | max %}
{%- set turns = (queries + parts - 1) // parts %}
{%- set columns = (quads + workgroup - 1) // workgroup %}
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> {{ "partials" if split else "out" }}: array<vec4<f32>>;
{%- if half %}
@group(0) @binding(3) var<storage, read> cache: array<vec2<u32>>;
fn cached(i: u32) -> vec4<f32> { return vec4<f32>(unpack2x16float(cache[i].x), unpack2x16float(cache[i].y)); }
{%- else %}
@group(0) @binding(3) var<storage, read> cache: array<vec4<f32>>;
fn cached(i: u32) -> vec4<f32> { return cache[i]; }
{%- endif %}
const NOT_SEEN = -3.0e38;

// Of each query's keys, four by four:
var<workgroup> tops: array<f32, {{ queries * chunk // 4 }}>; // the greatest score
var<workgroup> weights: array<vec4<f32>, {{ queries * chunk // 4 }}>;
var<workgroup> masses: array<f32, {{ queries * chunk // 4 }}>; // the weights' sum
{%- if keys == 1 %}
var<workgroup> scores: array<f32, {{ queries * chunk }}>;
{%- endif %}

fn greatest(a: vec4<f32>) -> f32 { return max(max(a.x, a.y), max(a.z, a.w)); }
fn weigh(i: u32, score: vec4<f32>, top: f32) {
  let weight = select(vec4<f32>(), exp(score - top), score != vec4<f32>(NOT_SEEN));
  weights[i] = weight;
  masses[i] = (weight.x + weight.y) + (weight.z + weight.w);
}
// The greatest score of query n, and the sum of its weights.
fn top_of(n: u32) -> f32 {
  var top = tops[n * (CHUNK / 4u)];
  for (var i = 1u; i < CHUNK / 4u; i++) { top = max(top, tops[n * (CHUNK / 4u) + i]); }
  return top;
}
fn mass_of(n: u32) -> f32 {
  var mass = masses[n * (CHUNK / 4u)];
  for (var i = 1u; i < CHUNK / 4u; i++) { mass += masses[n * (CHUNK / 4u) + i]; }
  return mass;
}
fn product(sum: f32, a: vec4<f32>, b: vec4<f32>) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}
{%- if softcap %}
fn capped(score: f32) -> f32 { return attend.softcap * tanh(clamp(score / attend.softcap, -15.0, 15.0)); }
{%- endif %}
{#- Whether query t and quad c of this invocation are no other's. #}
{%- macro mine(t, c) -%}
{% if parts > 1 %}local / QUADS + {{ t * parts }}u < {{ [(t + 1) * parts, queries] | min }}u{% else %}local + {{ c * workgroup }}u < QUADS{% endif %}
{%- endmacro %}
{#- Adds four keys' values to part{t}. Expects `i`, the first of them in the chunk. #}
{%- macro sum_values(guarded) %}
        let at = value_at + i * QUADS;
        let four = i >> 2u;
{%- for k in range(4) %}
        let value{{ k }} = cached(at + {{ k }}u * QUADS);
{%- endfor %}
{%- for t in range(turns) %}
  {%- if guarded %}
        if (first + i < seen{{ t }}.y && first + i + 4u > seen{{ t }}.x) {
    {%- for k in range(4) %}
          let shown{{ k }} = select(vec4<f32>(), value{{ k }}, sees(seen{{ t }}, first + i + {{ k }}u));
    {%- endfor %}
  {%- else %}
        {
  {%- endif %}
  {%- set value = "shown" if guarded else "value" %}
          let weight = weights[query{{ t }} * (CHUNK / 4u) + four];
          part{{ t }} = fma(vec4<f32>(weight.w), {{ value }}3, fma(vec4<f32>(weight.z), {{ value }}2, fma(vec4<f32>(weight.y), {{ value }}1, fma(vec4<f32>(weight.x), {{ value }}0, part{{ t }}))));
        }
{%- endfor %}
{%- endmacro %}

@compute @workgroup_size({{ workgroup }})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let head = group.x * {{ heads }}u;
  let m = group.y * {{ rows }}u;
  if (m >= live()) { return; }
  let kv_head = head / attend.heads_per_kv;
{%- for r in range(rows) %}
  let sight{{ r }} = sight_of(m + {{ r }}u);
{%- endfor %}
  // What some row sees, and what all of them see.
  var some = sight0;
  var all = sight0;
{%- for r in range(1, rows) %}
  some = vec2<u32>(min(some.x, sight{{ r }}.x), max(some.y, sight{{ r }}.y));
  all = vec2<u32>(max(all.x, sight{{ r }}.x), min(all.y, sight{{ r }}.y));
{%- endfor %}
  // The quads and the queries whose values this invocation sums, and what each query sees.
{%- for c in range(columns) %}
  let quad{{ c }} = {{ "local % QUADS" if parts > 1 else "min(local + " ~ c * workgroup ~ "u, QUADS - 1u)" }};
{%- endfor %}
{%- for t in range(turns) %}
  {%- if parts == 1 %}
  let query{{ t }} = {{ t }}u;
  let seen{{ t }} = sight{{ t // heads }};
  {%- else %}
  let query{{ t }} = min(local / QUADS + {{ t * parts }}u, {{ queries - 1 }}u);
  let seen{{ t }} = sight_of(m + query{{ t }} / {{ heads }}u);
  {%- endif %}
  {%- if not split %}
  var mark{{ t }} = NO_MARK;
    {%- for c in range(columns) %}
  var sum{{ t }}_{{ c }} = vec4<f32>();
    {%- endfor %}
  {%- endif %}
{%- endfor %}
  for (var chunk = some.x / CHUNK{% if split %} + group.z{% endif %}; chunk * CHUNK < some.y; chunk += {% if split %}attend.splits{% else %}1u{% endif %}) {
    let first = chunk * CHUNK;
    let key = local * {{ keys }}u;
{%- for n in range(queries) %}
    let q{{ n }} = (m + {{ n // heads }}u) * attend.q_stride + (head + {{ n % heads }}u) * QUADS;
    var score{{ n }} = {{ "f32" if keys == 1 else "vec4<f32>" }}();
{%- endfor %}
    if (first + key < some.y) {
      let key_at = keys_at(attend.kv_heads, chunk, kv_head) + key;
      for (var i = 0u; i < QUADS; i++) {
        // Keys that no row sees are read, inside the cache, and masked below.
        let at = key_at + i * CHUNK;
{%- for k in range(keys) %}
        let key{{ k }} = cached(at + {{ k }}u);
{%- endfor %}
{%- for n in range(queries) %}
        {
          let a = q[q{{ n }} + i];
  {%- if keys == 1 %}
          score{{ n }} = product(score{{ n }}, a, key0);
  {%- else %}
          score{{ n }} = vec4<f32>(product(score{{ n }}.x, a, key0), product(score{{ n }}.y, a, key1), product(score{{ n }}.z, a, key2), product(score{{ n }}.w, a, key3));
  {%- endif %}
        }
{%- endfor %}
      }
    }
{%- for n in range(queries) %}
    score{{ n }} *= attend.scale;
  {%- if softcap %}
    score{{ n }} = attend.softcap * tanh(clamp(score{{ n }} / attend.softcap, {{ "f32" if keys == 1 else "vec4<f32>" }}(-15.0), {{ "f32" if keys == 1 else "vec4<f32>" }}(15.0)));
  {%- endif %}
  {%- if keys == 1 %}
    scores[{{ n }}u * CHUNK + local] = select(NOT_SEEN, score{{ n }}, sees(sight{{ n // heads }}, first + local));
  {%- else %}
    score{{ n }} = select(vec4<f32>(NOT_SEEN), score{{ n }}, vec4<bool>({% for k in range(4) %}sees(sight{{ n // heads }}, first + key + {{ k }}u){{ ", " if not loop.last }}{% endfor %}));
    tops[{{ n }}u * (CHUNK / 4u) + local] = greatest(score{{ n }});
  {%- endif %}
{%- endfor %}
    workgroupBarrier();
{%- if keys == 1 %}
    // {{ queries }} queries' four by four keys, handed out anew.
    for (var i = local; i < {{ queries }}u * (CHUNK / 4u); i += {{ workgroup }}u) {
      tops[i] = greatest(vec4<f32>(scores[4u * i], scores[4u * i + 1u], scores[4u * i + 2u], scores[4u * i + 3u]));
    }
    workgroupBarrier();
    for (var i = local; i < {{ queries }}u * (CHUNK / 4u); i += {{ workgroup }}u) {
      let score = vec4<f32>(scores[4u * i], scores[4u * i + 1u], scores[4u * i + 2u], scores[4u * i + 3u]);
      weigh(i, score, top_of(i / (CHUNK / 4u)));
    }
{%- else %}
  {%- for n in range(queries) %}
    let top{{ n }} = top_of({{ n }}u);
    weigh({{ n }}u * (CHUNK / 4u) + local, score{{ n }}, top{{ n }});
  {%- endfor %}
{%- endif %}
    workgroupBarrier();
{%- if not split %}
  {%- for t in range(turns) %}
    let met{{ t }} = first < seen{{ t }}.y && first + CHUNK > seen{{ t }}.x;
    let merge{{ t }} = merge(mark{{ t }}, vec2<f32>({{ "top" ~ t if keys == 4 and parts == 1 else "top_of(query" ~ t ~ ")" }}, mass_of(query{{ t }})));
    if (met{{ t }}) { mark{{ t }} = merge{{ t }}.mark; }
  {%- endfor %}
{%- endif %}
    // Keys of the chunk that some row sees, and that all of them see.
    let end = min(CHUNK, some.y - first);
    let all_end = min(CHUNK, max(all.y, first) - first);
{%- for c in range(columns) %}
    {
      let value_at = values_at(attend.kv_heads, chunk, kv_head) + quad{{ c }};
  {%- for t in range(turns) %}
      var part{{ t }} = vec4<f32>();
  {%- endfor %}
      // What a row does not see is nobody's business: rejected tokens may have left there what is not finite, and even 0
      // times that is not 0. (Loops, not a branch in one: software adapters take both sides of a branch.)
  {%- if window %}
      var i = (max(some.x, first) - first) / 4u * 4u;
      for (; i < min(end, max(all.x, first) - first); i += 4u) {
{{- sum_values(true) }}
      }
  {%- else %}
      var i = 0u;
  {%- endif %}
      for (; i + 4u <= all_end; i += 4u) {
{{- sum_values(false) }}
      }
      for (; i < end; i += 4u) {
{{- sum_values(true) }}
      }
  {%- for t in range(turns) %}
    {%- if split %}
      if ({{ mine(t, c) }}) {
        partials[partial_at(chunk, m + query{{ t }} / {{ heads }}u, head + query{{ t }} % {{ heads }}u) + quad{{ c }}] = part{{ t }};
      }
    {%- else %}
      if (met{{ t }}) { sum{{ t }}_{{ c }} = fma(part{{ t }}, vec4<f32>(merge{{ t }}.weight), sum{{ t }}_{{ c }} * merge{{ t }}.fade); }
    {%- endif %}
  {%- endfor %}
    }
{%- endfor %}
{%- if split %}
    for (var n = local; n < {{ queries }}u; n += {{ workgroup }}u) {
      let at = partial_at(chunk, m + n / {{ heads }}u, head + n % {{ heads }}u) + QUADS;
      partials[at] = vec4<f32>(top_of(n), mass_of(n), 0.0, 0.0);
    }
{%- endif %}
    // The next chunk's scores must not overtake this chunk's readers.
    workgroupBarrier();
  }
{%- if not split %}
  {%- for c in range(columns) %}
    {%- for t in range(turns) %}
  if ({{ mine(t, c) }}) {
    out[(m + query{{ t }} / {{ heads }}u) * attend.out_stride + (head + query{{ t }} % {{ heads }}u) * QUADS + quad{{ c }}] = sum{{ t }}_{{ c }} / mark{{ t }}.y;
  }
    {%- endfor %}
  {%- endfor %}
{%- endif %}
}
