//! What servers list of themselves: tools, prompts, resources. A record names definitions; their
//! texts are in payloads, which [`CarriedLists`] joins with the exchanges that asked for them.

mod carried;
mod comparison;
mod kind;
mod member_change;
mod offers;
mod page;
mod schema_change;

pub use carried::{CarriedLists, CarriedPage};
pub use comparison::member_changes;
pub use kind::DefinitionKind;
pub use member_change::MemberChange;
pub use offers::{Offered, Offers, ServerOffers, Version};
pub use page::{Listed, ListedPage};
