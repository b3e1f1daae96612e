//! What is asked of Shopify, as types that graphql_client makes from `graphql/` while compiling: an operation that the
//! schema does not know does not compile.

use graphql_client::GraphQLQuery;

/// A date and time in ISO 8601.
type DateTime = jiff::Timestamp;
/// A decimal number as text; see [`crate::tier::Money`].
type Decimal = String;
/// A number as text.
type UnsignedInt64 = String;

/// How many customers the store has.
#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/operations.graphql",
    response_derives = "Debug"
)]
pub struct CustomerTotal;

/// A page of customers, in the order of their ids, so that what is changed on the way moves nobody.
#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/operations.graphql",
    response_derives = "Debug"
)]
pub struct CustomerPage;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/operations.graphql",
    response_derives = "Debug"
)]
pub struct AddTags;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/operations.graphql",
    response_derives = "Debug"
)]
pub struct RemoveTags;

/// Both at once: one request instead of two.
#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/operations.graphql",
    response_derives = "Debug"
)]
pub struct ExchangeTags;
