// Neighbouring rows are a pair.
fn pairs() -> u32 { return (shape.rows + 1u) / 2u; }
fn pair_row(pair: u32, side: u32) -> u32 { return pair * 2u + side; }
