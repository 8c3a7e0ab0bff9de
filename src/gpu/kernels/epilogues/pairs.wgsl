// Row i is paired with row i + rows / 2, so that neighbouring pairs are neighbouring rows.
fn pairs() -> u32 { return (shape.rows + 1u) / 2u; }
fn pair_row(pair: u32, side: u32) -> u32 { return pair + side * pairs(); }
