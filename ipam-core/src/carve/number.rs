//! How many addresses an application wants.

use std::fmt;
use std::str::FromStr;

use super::application::Application;

/// On a Pod what is asked for, on an auto pool what it was made for.
pub const ANNOTATION_NUMBER: &str = "ipam.spidernet.io/ippool-ip-number";

/// A number that is not understood, or cannot be met.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// Text before a `+`, or more than one `+`.
    #[error(
        "invalid input '{text}', annotation {ANNOTATION_NUMBER} wants N, that many, or +N, that many more than Pods"
    )]
    Form {
        /// What was given.
        text: String,
    },
    /// No number.
    #[error(
        "invalid input '{text}': strconv.Atoi: parsing {digits:?}: {problem}, annotation {ANNOTATION_NUMBER} wants N or +N"
    )]
    NoNumber {
        /// What was given.
        text: String,
        /// The part that should be a number.
        digits: String,
        /// `invalid syntax` or `value out of range`.
        problem: &'static str,
    },
    /// A number below zero.
    #[error("subnet '{ANNOTATION_NUMBER}' value must equal or greater than 0, found '{text}'")]
    Negative {
        /// What was given.
        text: String,
    },
    /// A kind of which the number of Pods is not known needs a number.
    #[error(
        "{kind}/{namespace}/{name} only supports fixed auto-created IPPool IP Number, want annotation {ANNOTATION_NUMBER} with N"
    )]
    FixedOnly {
        /// The kind.
        kind: String,
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// More than a pool can be asked for.
    #[error(
        "{pods} Pods and annotation {ANNOTATION_NUMBER} {number} come to too many addresses; want at most {}",
        u32::MAX
    )]
    TooMany {
        /// The Pods.
        pods: u32,
        /// What was asked for.
        number: IpNumber,
    },
}

/// The value of [`ANNOTATION_NUMBER`].
///
/// ```
/// use ipam_core::carve::IpNumber;
/// assert_eq!("5".parse(), Ok(IpNumber::Fixed(5)));
/// assert_eq!("+1".parse(), Ok(IpNumber::Flexible(1)));
/// assert!("7+2".parse::<IpNumber>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IpNumber {
    /// That many addresses, whatever the number of Pods.
    Fixed(u64),
    /// That many more than Pods.
    Flexible(u64),
}

impl FromStr for IpNumber {
    type Err = NumberError;

    /// The grammar of the original, but for text before the `+`, which it drops.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        let (digits, is_flexible) = match text.split_once('+') {
            None => (text, false),
            Some(("", rest)) if !rest.contains('+') => (rest, true),
            Some(_) => return Err(NumberError::Form { text: text.to_owned() }),
        };
        let number = digits.parse::<i64>().map_err(|error| {
            let is_long = matches!(
                error.kind(),
                std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow
            );
            let problem = if is_long { "value out of range" } else { "invalid syntax" };
            NumberError::NoNumber { text: text.to_owned(), digits: digits.to_owned(), problem }
        })?;
        let number = u64::try_from(number).map_err(|_| NumberError::Negative { text: text.to_owned() })?;
        Ok(if is_flexible { Self::Flexible(number) } else { Self::Fixed(number) })
    }
}

impl fmt::Display for IpNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(number) => write!(f, "{number}"),
            Self::Flexible(number) => write!(f, "+{number}"),
        }
    }
}

/// A size, and how it was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// How many addresses the pool is to have.
    pub count: u32,
    /// The pool's [`ANNOTATION_NUMBER`].
    pub annotation: String,
}

/// How many addresses an application is to have.
///
/// `pods` is what [`Workload::pods`](super::Workload::pods) says; it does not matter for kinds that are not built in. `redundant` is
/// the configured surplus of Pods without the annotation (`clusterSubnetAutoPoolDefaultRedundantIPNumber`), 0 on an agent.
///
/// # Errors
/// [`NumberError::FixedOnly`] for another kind without annotation, [`NumberError::TooMany`] when the sum does not fit.
pub fn desired(
    application: &Application,
    pods: u32,
    number: Option<IpNumber>,
    redundant: u32,
) -> Result<Wanted, NumberError> {
    let is_built_in = application.is_built_in();
    let number = match number {
        Some(number) => number,
        None if is_built_in => IpNumber::Flexible(redundant.into()),
        None => {
            return Err(NumberError::FixedOnly {
                kind: application.kind().to_owned(),
                namespace: application.namespace().to_owned(),
                name: application.name().to_owned(),
            });
        }
    };
    let (base, number) = match number {
        IpNumber::Fixed(_) => (0, number),
        IpNumber::Flexible(_) if is_built_in => (pods, number),
        // How many Pods such a controller wants is not known: the original counts none, and writes the plain number.
        IpNumber::Flexible(more) => (0, IpNumber::Fixed(more)),
    };
    let (IpNumber::Fixed(more) | IpNumber::Flexible(more)) = number;
    let count = u32::try_from(more).ok().and_then(|more| more.checked_add(base));
    match count {
        Some(count) => Ok(Wanted { count, annotation: number.to_string() }),
        None => Err(NumberError::TooMany { pods: base, number }),
    }
}
