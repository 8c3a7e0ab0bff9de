use paceline::cpu::*; use paceline::gguf::Stream; use paceline::source::FileSource;
#[test] fn hash() {
    let path = std::env::var("PACELINE_MODEL").unwrap();
    let mut model = pollster::block_on(async { let mut s = Stream::open(FileSource::open(path.as_ref()).unwrap()).await.unwrap();
        let d = paceline::model::Model::describe(s.header()).unwrap(); Model::load(&mut s, &d, 1024).await.unwrap() });
    let t: Vec<u32> = (0..41).map(|i| 1000 + i * 7).collect();
    for level in if std::env::var("LONG").is_ok() { vec![] } else { vec![Level::best(), Level::Scalar] } { model.set_level(level);
      let s = std::time::Instant::now();
      let l = model.forward(&mut Cache::new(model.config(), 1024), &t, 0, Logits::All);
      println!("{level:?} {} {:?}", l.iter().fold(0u32, |h, x| h.rotate_left(5).wrapping_mul(0x9e3779b1) ^ x.to_bits()), s.elapsed()); }
    model.set_level(Level::best());
    if std::env::var("LONG").is_ok() { let t: Vec<u32> = (0..512).map(|i| 1000 + i * 7).collect(); let mut c = Cache::new(model.config(), 1024); for _ in 0..6 { model.forward(&mut c, &t, 0, Logits::Last); } }
}
