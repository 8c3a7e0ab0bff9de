// What stands in the first place of a row of probabilities whose logits were not sound: more than any probability.
const FAULTY = 0xffffffffu;
