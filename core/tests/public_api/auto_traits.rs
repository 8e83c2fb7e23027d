//! Asserts at compile time that types can be sent to and shared with other threads.

use std::marker::PhantomData;

/// Returns the names of the types. Compiles only if each is `Send` and `Sync`.
macro_rules! send_and_sync {
    ($($type:ty),* $(,)?) => {
        vec![$($crate::auto_traits::name(::std::marker::PhantomData::<$type>, stringify!($type))),*]
    };
}

/// Returns the name without parameters.
pub(crate) fn name<T: Send + Sync>(_: PhantomData<T>, name: &'static str) -> &'static str {
    name.split('<').next().unwrap_or(name)
}

/// Compiles only if the type is an error that can be sent, shared and boxed.
pub(crate) fn check_error<E: std::error::Error + Send + Sync + 'static>(_: PhantomData<E>) {}

pub(crate) use send_and_sync;
