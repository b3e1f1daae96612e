// The used part of Shopify's Admin API as its documentation describes it, executed by graphql-js over the schema that the
// function was compiled against: validation, search, pages, tags, cost accounting, throttling. Loopback only.
//
//   node server.mjs <folder of node_modules> <schema.graphql>
//
// Prints its port, then takes one JSON command per line and answers each with a line; ends with its input.
//
//   {"shop": DOMAIN, "token": T, "maximum": POINTS, "restore": POINTS_PER_SECOND, "customers": [...], "crowd": {...}}
//   {"faults": DOMAIN, "status": {"code": 503, "every": 5}, "reset": {"every": 7}, "garbage": {"every": 9},
//    "poison": {ID: "user" | "internal" | "http"}, "down": true}
//   {"state": DOMAIN}, {"customer": DOMAIN, "id": N}
//
// Sources: https://shopify.dev/docs/api/usage/limits, .../usage/search-syntax, .../usage/response-codes (read 2026-11)
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.argv[2]}/node_modules/`);
const { buildSchema, execute, getNamedType, isCompositeType, Kind, parse, TypeInfo, validate, visit, visitWithTypeInfo } = require('graphql');
const schema = buildSchema(readFileSync(process.argv[3], 'utf8'));
schema.getType('Node').resolveType = (node) => (node.createdAt ? 'Order' : 'Customer');
/// The most that one query may cost.
const SINGLE = 1000;
const shops = new Map();
const gid = (kind, number) => `gid://shopify/${kind}/${number}`;
const documents = new Map();

function populate(command) {
  const shop = {
    token: command.token, maximum: command.maximum, restore: command.restore, level: command.maximum, at: performance.now(),
    customers: command.customers ?? [], faults: {}, requests: 0, throttled: 0, mutations: 0, pages: 0, spent: 0, shortest: Infinity,
  };
  // A crowd: nearly all bought once; one in `vipEvery` five times, one in `lapsedEvery` long ago. Of
  // the VIPs one in `untaggedEvery` has no tag yet.
  const { count = 0, vipEvery = Infinity, lapsedEvery = Infinity, untaggedEvery = 1 } = command.crowd ?? {};
  for (let i = 0; i < count; i += 1) {
    const lapsed = i % lapsedEvery === lapsedEvery - 1;
    const vip = i % vipEvery === 0;
    const tagged = lapsed || (vip && i % (vipEvery * untaggedEvery) !== 0);
    shop.customers.push({ orders: vip || lapsed ? 5 : 1, spent: '20.00', last: lapsed ? '2019-01-01T00:00:00Z' : command.recent, tags: tagged ? ['VIP'] : [] });
  }
  shops.set(command.shop, shop);
}

// --- search: terms joined by OR
function matcher(query) {
  if (query == null || query === '') return () => true;
  const terms = query.split(/\s+OR\s+/).map((term) => {
    const [, field, value] = /^(\w+):(.*)$/.exec(term) ?? [];
    const least = /^>=(\d+)$/.exec(value ?? '');
    if (field === 'orders_count' && least) return (customer) => customer.orders >= Number(least[1]);
    if (field === 'total_spent' && least) return (customer) => Number(customer.spent) >= Number(least[1]);
    const tag = /^'([^']+)'$/.exec(value ?? '');
    if (field === 'tag' && tag) return (customer) => customer.tags.some((own) => own.toLowerCase() === tag[1].toLowerCase());
    throw new Error(`the search term ${term} is not understood`);
  });
  return (customer) => terms.some((term) => term(customer));
}

// --- resolvers
const customerOf = (customer, index) => ({
  id: gid('Customer', index + 1), tags: customer.tags, numberOfOrders: String(customer.orders),
  amountSpent: { amount: customer.spent, currencyCode: 'USD' },
  lastOrder: customer.last ? { id: gid('Order', index + 1), createdAt: customer.last } : null,
});
function rootOf(shop) {
  const change = (name, apply) => ({ id, tags }) => {
    shop.mutations += 1;
    const poison = shop.faults.poison?.[id];
    if (poison === 'internal') throw Object.assign(new Error('Internal error'), { extensions: { code: 'INTERNAL_SERVER_ERROR' } });
    const index = Number(id.split('/').pop()) - 1;
    const customer = shop.customers[index];
    if (!customer) return { node: null, userErrors: [{ field: ['id'], message: 'Customer does not exist' }] };
    if (poison === 'user') return { node: null, userErrors: [{ field: ['tags'], message: `${name} is not possible for this customer` }] };
    customer.tags = apply(customer.tags, tags);
    return { node: customerOf(customer, index), userErrors: [] };
  };
  const lower = (tags) => tags.map((tag) => tag.toLowerCase());
  return {
    customersCount: ({ limit }) => ({ count: Math.min(shop.customers.length, limit ?? Infinity), precision: limit !== null && shop.customers.length > limit ? 'AT_LEAST' : 'EXACT' }),
    customers: ({ first, after, query, sortKey }) => {
      if (!(first >= 1 && first <= 250) || sortKey !== 'ID') throw new Error('first must be 1 to 250, sorted by ID');
      shop.pages += 1;
      const matches = matcher(query);
      const nodes = [];
      let index = after == null ? 0 : Number(Buffer.from(after, 'base64').toString());
      const begin = index;
      let more = false;
      for (; index < shop.customers.length; index += 1) {
        if (!matches(shop.customers[index])) continue;
        if (nodes.length === first) { more = true; break; }
        nodes.push(customerOf(shop.customers[index], index));
      }
      const cursor = (at) => Buffer.from(String(at)).toString('base64');
      // Ids are stable, so the cursor is the last one that was given.
      const last = nodes.length ? Number(nodes.at(-1).id.split('/').pop()) : begin;
      return { nodes, pageInfo: { hasNextPage: more, hasPreviousPage: begin > 0, startCursor: cursor(begin), endCursor: nodes.length ? cursor(last) : null } };
    },
    tagsAdd: change('tagsAdd', (own, tags) => [...own, ...tags.filter((tag) => !lower(own).includes(tag.toLowerCase()))]),
    tagsRemove: change('tagsRemove', (own, tags) => own.filter((tag) => !lower(tags).includes(tag.toLowerCase()))),
  };
}

// --- cost: an object 1 point, a connection 2 and its nodes, a mutation 10; scalars nothing
const isConnection = (type) => type.name.endsWith('Connection');
function requested(document, variables) {
  const info = new TypeInfo(schema);
  const factors = [1];
  const costs = [0];
  visit(document, visitWithTypeInfo(info, {
    Field: {
      enter(node) {
        const type = getNamedType(info.getType());
        const parent = info.getParentType();
        if (parent === schema.getMutationType()) { costs[0] += 10; factors.push(0); return; }
        let factor = factors.at(-1);
        if (isCompositeType(type) && isConnection(type)) {
          costs[0] += 2 * factor;
          const first = node.arguments.find((argument) => argument.name.value === 'first')?.value;
          factor *= first?.kind === Kind.VARIABLE ? variables[first.name.value] : Number(first?.value ?? 0);
        } else if (isCompositeType(type) && type.name !== 'PageInfo') {
          costs[0] += factor;
        }
        factors.push(factor);
      },
      leave() { factors.pop(); },
    },
  }));
  return costs[0];
}
function actual(data, mutation) {
  if (mutation) return 10 * Object.keys(data).length;
  const walk = (value) => {
    if (Array.isArray(value)) return value.reduce((sum, one) => sum + walk(one), 0);
    if (value === null || typeof value !== 'object') return 0;
    const own = value.hasNextPage !== undefined ? 0 : value.nodes ? 2 : 1;
    return own + Object.values(value).reduce((sum, one) => sum + walk(one), 0);
  };
  return Object.values(data).reduce((sum, one) => sum + walk(one), 0);
}

function refill(shop) {
  const now = performance.now();
  shop.level = Math.min(shop.maximum, shop.level + ((now - shop.at) / 1000) * shop.restore);
  shop.at = now;
}

function answer(shop, body) {
  const { query, variables, operationName } = JSON.parse(body);
  if (!documents.has(query)) documents.set(query, parse(query));
  // Of several operations only the one that is asked for costs.
  const all = documents.get(query);
  const wrong = validate(schema, all);
  if (wrong.length) return { errors: wrong.map((error) => ({ message: error.message, extensions: { code: 'undefinedField' } })) };
  const document = { ...all, definitions: all.definitions.filter((one) => one.kind !== Kind.OPERATION_DEFINITION || one.name?.value === operationName) };
  const price = requested(document, variables);
  refill(shop);
  const cost = (spent) => ({ cost: { requestedQueryCost: price, actualQueryCost: spent, throttleStatus: { maximumAvailable: shop.maximum, currentlyAvailable: Math.floor(shop.level), restoreRate: shop.restore } } });
  if (price > SINGLE) return { errors: [{ message: `Query cost is ${price}, which exceeds the single query max cost limit (${SINGLE}).`, extensions: { code: 'MAX_COST_EXCEEDED', cost: price, maxCost: SINGLE } }] };
  if (price > shop.level) {
    shop.throttled += 1;
    return { errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED', documentation: 'https://shopify.dev/api/usage/rate-limits' } }], extensions: cost(null) };
  }
  shop.level -= price;
  const { data, errors } = execute({ schema, document, rootValue: rootOf(shop), variableValues: variables, operationName });
  const spent = data ? actual(data, document.definitions[0].operation === 'mutation') : price;
  shop.level += price - spent;
  shop.spent += spent;
  shop.shortest = Math.min(shop.shortest, shop.level);
  const told = errors?.map((error) => ({ message: error.message, extensions: error.originalError?.extensions ?? {} }));
  return { data: data ?? null, ...(told ? { errors: told } : {}), extensions: cost(spent) };
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const send = (status, body, headers = {}) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    const [, domain] = /^\/([^/]+)\/admin\/api\/\d{4}-\d{2}\/graphql\.json$/.exec(request.url) ?? [];
    const shop = shops.get(domain);
    if (!shop || request.method !== 'POST') return send(404, '{"errors":"Not Found"}');
    if (request.headers['x-shopify-access-token'] !== shop.token) return send(401, '{"errors":"[API] Invalid API key or access token"}');
    shop.requests += 1;
    const body = Buffer.concat(chunks).toString();
    const { status, reset, garbage, down, poison = {} } = shop.faults;
    const due = (fault) => fault && shop.requests % fault.every === 0;
    if (down || due(status)) return send(status?.code ?? 503, 'unavailable', status?.retryAfter ? { 'retry-after': status.retryAfter } : {});
    if (due(reset)) return request.socket.resetAndDestroy();
    for (const [id, kind] of Object.entries(poison)) if (kind === 'http' && body.includes(`"${id}"`)) return send(500, 'oops');
    const text = JSON.stringify(answer(shop, body));
    // What was done is done; only the answer is lost.
    return due(garbage) ? send(200, text.slice(0, text.length / 2)) : send(200, text);
  });
});

server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line);
  let said = {};
  if (command.shop) populate(command);
  else if (command.faults) { const { faults, ...kinds } = command; shops.get(faults).faults = kinds; }
  else if (command.state) {
    const shop = shops.get(command.state);
    const tags = {};
    for (const customer of shop.customers) for (const tag of customer.tags) tags[tag] = (tags[tag] ?? 0) + 1;
    const { requests, throttled, mutations, pages, spent, shortest } = shop;
    said = { requests, throttled, mutations, pages, spent, shortest, tags };
  } else if (command.customer) said = { tags: shops.get(command.customer).customers[command.id - 1].tags };
  console.log(JSON.stringify(said));
}).on('close', () => process.exit(0));
