//! What does not fit or breaks is told, and the next load works.

use std::rc::Rc;

use super::device;
use crate::gguf::Stream;
use crate::gpu::{
    Choice, Device, DeviceOptions, Error, Model, Session, Shapes, Tuning, Variant, choose_kernels,
};
use crate::model::{self, tiny::Tiny};
use crate::round::{Engine as _, Proposal};

async fn load(device: &Rc<Device>, tiny: &Tiny, capacity: usize) -> Result<Session, Error> {
    let bytes = tiny.gguf();
    let mut stream = Stream::open(bytes.as_slice()).await?;
    let description = model::Model::describe(stream.header()).unwrap();
    let model = Model::load(device, &mut stream, &description, Choice::of(Variant::ALL[0]), capacity).await?;
    Session::new(Rc::new(model), None)
}

#[test]
fn a_model_or_a_context_too_large_for_the_device_says_what_to_do() {
    pollster::block_on(async {
        let options = DeviceOptions { max_buffer_bytes: Some(64 << 10), ..DeviceOptions::default() };
        let small = Device::open(options).await.unwrap();
        // One projection that cannot be split, then a cache that cannot.
        let wide = Tiny { ff: 4096, ..Tiny::default() };
        for (tiny, capacity) in [(&wide, 64), (&Tiny::default(), 100_000)] {
            let error = load(&small, tiny, capacity).await.err().unwrap();
            assert!(matches!(error, Error::TooLarge { .. }), "{error}");
            assert!(error.to_string().contains("use a smaller model"), "{error}");
        }
        let odd =
            Tiny { head_dim: 10, rope_dim: Some(10), format: crate::gguf::Format::F32, ..Tiny::default() };
        let error = load(&small, &odd, 64).await.err().unwrap();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
        let mut session = load(&small, &Tiny::default(), 64).await.unwrap();
        session.append(&[1, 2, 3]).await.unwrap();
        assert_eq!(session.round(Proposal::none()).await.unwrap().tokens.len(), 1);
    });
}

#[test]
fn a_lost_device_is_told_and_a_new_one_works() {
    pollster::block_on(async {
        let lost = device();
        let mut session = load(&lost, &Tiny::default(), 64).await.unwrap();
        session.append(&[1, 2, 3]).await.unwrap();
        lost.destroy();
        let error = session.round(Proposal::none()).await.unwrap_err();
        assert!(matches!(error, Error::Lost(_)), "{error}");
        let mut session = load(&device(), &Tiny::default(), 64).await.unwrap();
        session.append(&[1, 2, 3]).await.unwrap();
        session.round(Proposal::none()).await.unwrap();
    });
}

#[test]
fn a_driver_that_computes_wrongly_fails_the_self_test() {
    pollster::block_on(async {
        let broken = DeviceOptions { break_batch_invariance: true, ..DeviceOptions::default() };
        let broken = Device::open(broken).await.unwrap();
        let (mut tuning, shapes) = (Tuning::of(&broken.adapter(), Variant::ALL[0]), Shapes::default());
        let error = choose_kernels(&broken, &mut tuning, &shapes).await.unwrap_err();
        assert!(matches!(error, Error::SelfTest(_)), "{error}");

        let device = device();
        assert_eq!(choose_kernels(&device, &mut tuning, &shapes).await.unwrap(), Choice::of(Variant::ALL[0]));
    });
}
