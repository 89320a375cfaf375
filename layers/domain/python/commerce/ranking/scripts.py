"""Lua scripts of the boards: each runs in Valkey as one atomic step.

A window has two keys. Its *parts* are a hash: for each product the views, likes and amount of the
window itself and of up to seven windows before it, as integers, the newest first; and two fields of
the window's state, `weighed` (the version of the weights that its scores were computed with) and
`carried` (begun or done: the window before was carried over into it). Its *board* is the sorted set
of the scores. A score is always computed from the parts, never added to, so it cannot drift, and
repeating a step is harmless.
"""

_SHARED = """
local AGES, CHUNK = 8, 500

local function newest_weights(key, version, view, like, order)
    local stored = redis.call('HMGET', key, 'version', 'view', 'like', 'order')
    if not stored[1] or tonumber(stored[1]) < tonumber(version) then
        redis.call('HSET', key, 'version', version, 'view', view, 'like', like, 'order', order)
        stored = {version, view, like, order}
    end
    return {version = stored[1], view = tonumber(stored[2]), like = tonumber(stored[3]),
        order = tonumber(stored[4])}
end

local function parsed(text)
    if not text then return {0, 0, 0} end
    local views, likes, amount, rest = string.match(text, '^(%S+) (%S+) (%S+)(.*)$')
    local parts = {tonumber(views), tonumber(likes), tonumber(amount)}
    if rest ~= '' then
        for number in string.gmatch(rest, '%S+') do parts[#parts + 1] = tonumber(number) end
    end
    return parts
end

local format = string.format

local function formatted(parts, last)
    if last <= 3 then return format('%.0f %.0f %.0f', parts[1], parts[2], parts[3]) end
    local texts = {}
    for at = 1, math.ceil(last / 3) * 3 do texts[at] = format('%.0f', parts[at]) end
    return table.concat(texts, ' ')
end

local log, floor, max = math.log, math.floor, math.max

-- A part is below zero while an event is counted whose earlier one has yet to arrive: no score is.

local function score(parts, weights)
    local view, like, order = weights.view, weights.like, weights.order
    local sum, share = 0, 1
    for at = 1, #parts, 3 do
        local views, likes, amount = max(parts[at], 0), max(parts[at + 1], 0), max(parts[at + 2], 0)
        sum = sum + share * (view * views + like * likes + order * log(1 + amount))
        share = share / 10
    end
    return floor(sum * 1e9 + 0.5) / 1e9
end

-- Adds counts by their places, which may be of windows before.
local function add_to(parts, counts)
    for place, count in pairs(counts) do
        while #parts < place do parts[#parts + 1] = 0 end
        parts[place] = parts[place] + count
    end
end

local function call(command, key, values)
    if #values > 0 then redis.call(command, key, unpack(values)) end
end

-- Products whose score is not above zero are not ranked.
local function set_scores(window, products, parts_of, weights)
    local ranked, unranked, last = {}, {}, 0
    for number, product in ipairs(products) do
        local sum = score(parts_of[number], weights)
        if sum > 0 then
            ranked[last + 1], ranked[last + 2] = sum, product
            last = last + 2
        else
            unranked[#unranked + 1] = product
        end
    end
    call('ZADD', window.board, ranked)
    call('ZREM', window.board, unranked)
end

-- Takes at most CHUNK products, because unpack and a command take a limited number of values.
local function store(window, products, parts_of, weights)
    local stored, deleted = {}, {}
    for number, product in ipairs(products) do
        local parts = parts_of[number]
        local last = #parts
        while last > 0 and parts[last] == 0 do last = last - 1 end
        if last == 0 then
            deleted[#deleted + 1] = product
        else
            stored[#stored + 1] = product
            stored[#stored + 1] = formatted(parts, last)
        end
    end
    call('HSET', window.parts, stored)
    call('HDEL', window.parts, deleted)
    set_scores(window, products, parts_of, weights)
end

-- The number of the next window, 0 if it has not been carried into yet.
local function next_carried(windows, number)
    local following = windows[number].following
    if following > 0 and redis.call('HEXISTS', windows[following].parts, 'carried') == 0 then
        return 0
    end
    return following
end

-- Carries into the given window, and on into those after it that have been carried into.
local function carry(windows, number, products, parts_of, weights)
    while number > 0 do
        local window, carried = windows[number], {}
        local own = redis.call('HMGET', window.parts, unpack(products))
        for at, parts in ipairs(parts_of) do
            local now = parsed(own[at])
            local shifted = {now[1], now[2], now[3]}
            for part = 1, math.min(#parts, 3 * (AGES - 1)) do shifted[part + 3] = parts[part] end
            carried[at] = shifted
        end
        store(window, products, carried, weights)
        parts_of, number = carried, next_carried(windows, number)
    end
end

local function scan(key, cursor, count)
    local found = redis.call('HSCAN', key, cursor, 'COUNT', count)
    local products, parts_of = {}, {}
    for at = 1, #found[2], 2 do
        if #found[2][at] == 36 then -- an id; the others are the window's state
            products[#products + 1] = found[2][at]
            parts_of[#parts_of + 1] = parsed(found[2][at + 1])
        end
    end
    return found[1], products, parts_of
end

local function finish(windows, weights)
    local outdated = {}
    for number, window in ipairs(windows) do
        if window.touched or redis.call('EXISTS', window.parts) == 1 then
            redis.call('HSETNX', window.parts, 'weighed', weights.version)
            redis.call('EXPIRE', window.parts, window.ttl)
            redis.call('EXPIRE', window.board, window.ttl)
            if redis.call('HGET', window.parts, 'weighed') ~= weights.version then
                outdated[#outdated + 1] = number
            end
        end
    end
    return outdated
end

local function read_windows(first_key, first_argument, count)
    local windows = {}
    for number = 1, count do
        local key, argument = first_key + 2 * (number - 1), first_argument + 2 * (number - 1)
        windows[number] = {parts = KEYS[key], board = KEYS[key + 1],
            ttl = ARGV[argument], following = tonumber(ARGV[argument + 1])}
    end
    return windows
end
"""

# KEYS: weights; parts and board of each window; seen, journal and rebuild of each day.
# ARGV: weights (4); how many windows; ttl and following of each; per day: ttl, the ids of its
# events (16 bytes each), as JSON for each of them [window of the day, age, window of the hour (0
# for none), age, product, views, likes, amount, product, …], and the ids of events to mark as seen.
# The age is how many windows before the counts belong. Returns the numbers of the windows to
# rescore.
ADD = f"""
{_SHARED}
local weights = newest_weights(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
local count = tonumber(ARGV[5])
local windows = read_windows(2, 6, count)

local function add_counts(window, age, product, views, likes, amount)
    if not window then return end
    if not window.sums then window.sums, window.products = {{}}, {{}} end
    local sum = window.sums[product]
    if not sum then
        sum = {{}}
        window.sums[product] = sum
        window.products[#window.products + 1] = product
    end
    local place = 3 * age
    sum[place + 1] = (sum[place + 1] or 0) + views
    sum[place + 2] = (sum[place + 2] or 0) + likes
    sum[place + 3] = (sum[place + 3] or 0) + amount
end

local function ids_of(blob)
    local ids = {{}}
    for number = 1, #blob / 16 do ids[number] = string.sub(blob, 16 * number - 15, 16 * number) end
    return ids
end

local function mark(seen, ids)
    for first = 1, #ids, CHUNK do
        redis.call('SADD', seen, unpack(ids, first, math.min(first + CHUNK - 1, #ids)))
    end
end

local function count_day(seen, journal, rebuild, ttl, blob, events, marked)
    local ids, known = ids_of(blob), {{}}
    for first = 1, #ids, CHUNK do
        local last = math.min(first + CHUNK - 1, #ids)
        local answers = redis.call('SMISMEMBER', seen, unpack(ids, first, last))
        for at = 1, #answers do known[ids[first + at - 1]] = answers[at] == 1 or nil end
    end
    mark(seen, ids)
    mark(seen, ids_of(marked))
    redis.call('EXPIRE', seen, ttl)
    local is_being_rebuilt = redis.call('EXISTS', rebuild) == 1
    for number, event in ipairs(events) do
        if not known[ids[number]] then
            known[ids[number]] = true
            local in_day, day_age, in_hour, hour_age =
                windows[event[1]], event[2], windows[event[3]], event[4]
            local counts = {{}}
            for at = 5, #event, 4 do
                add_counts(in_day, day_age, unpack(event, at, at + 3))
                add_counts(in_hour, hour_age, unpack(event, at, at + 3))
                counts[#counts + 1] = event[at] .. (day_age > 0 and '@' .. day_age or '')
                for part = 1, 3 do counts[#counts + 1] = string.format('%.0f', event[at + part]) end
            end
            if is_being_rebuilt then
                redis.call('HSET', journal, ids[number], table.concat(counts, ' '))
                redis.call('EXPIRE', journal, ttl)
            end
        end
    end
end

local argument, key = 6 + 2 * count, 2 + 2 * count
while argument <= #ARGV do
    count_day(KEYS[key], KEYS[key + 1], KEYS[key + 2], ARGV[argument], ARGV[argument + 1],
        cjson.decode(ARGV[argument + 2]), ARGV[argument + 3])
    argument, key = argument + 4, key + 3
end

for number, window in ipairs(windows) do
    local all = window.products or {{}}
    local target = #all > 0 and next_carried(windows, number) or 0
    for first = 1, #all, CHUNK do
        local products = {{unpack(all, first, math.min(first + CHUNK - 1, #all))}}
        local parts_of = {{}}
        for at, text in ipairs(redis.call('HMGET', window.parts, unpack(products))) do
            parts_of[at] = parsed(text)
            add_to(parts_of[at], window.sums[products[at]])
        end
        store(window, products, parts_of, weights)
        carry(windows, target, products, parts_of, weights)
    end
    window.touched = #all > 0
end
return finish(windows, weights)
"""

# KEYS: weights; parts of the source window; parts and board of each window after it.
# ARGV: weights (4); cursor; step size; how many windows; ttl and following of each.
# Returns the next cursor.
CARRY = f"""
{_SHARED}
local weights = newest_weights(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
local windows = read_windows(3, 8, tonumber(ARGV[7]))
-- From here on, ADD carries what it adds to the source window into this one.
if ARGV[5] == '0' then redis.call('HSET', windows[1].parts, 'carried', 'begun') end
local cursor, products, parts_of = scan(KEYS[2], ARGV[5], ARGV[6])
for first = 1, #products, CHUNK do
    local last = math.min(first + CHUNK - 1, #products)
    carry(windows, 1, {{unpack(products, first, last)}}, {{unpack(parts_of, first, last)}}, weights)
end
if cursor == '0' then redis.call('HSET', windows[1].parts, 'carried', 'done') end
finish(windows, weights)
return cursor
"""

# KEYS: weights, parts, board. ARGV: weights (4); cursor; step size; the version of the weights that
# the first step used, empty in the first step. Returns the next cursor and that version.
RESCORE = f"""
{_SHARED}
local weights = newest_weights(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
local window = {{parts = KEYS[2], board = KEYS[3]}}
local cursor, products, parts_of = scan(KEYS[2], ARGV[5], ARGV[6])
for first = 1, #products, CHUNK do
    local last = math.min(first + CHUNK - 1, #products)
    set_scores(window, {{unpack(products, first, last)}}, {{unpack(parts_of, first, last)}},
        weights)
end
local first_version = ARGV[7] == '' and weights.version or ARGV[7]
if cursor == '0' and redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('HSET', KEYS[2], 'weighed', first_version)
    redis.call('EXPIRE', KEYS[3], redis.call('TTL', KEYS[2]))
end
return {{cursor, first_version}}
"""

LOCK_LOST = -1  # the rebuild's lock has expired, and may be another's

# KEYS: weights, rebuild; parts and board of the new window.
# ARGV: weights (4); token; ttl in seconds; then product and parts of each, at most CHUNK.
# Returns LOCK_LOST, or 1.
FILL = f"""
{_SHARED}
if redis.call('GET', KEYS[2]) ~= ARGV[5] then return {LOCK_LOST} end
local weights = newest_weights(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
local products, parts_of = {{}}, {{}}
for at = 7, #ARGV, 2 do
    products[#products + 1], parts_of[#parts_of + 1] = ARGV[at], parsed(ARGV[at + 1])
end
redis.call('HSETNX', KEYS[3], 'weighed', weights.version)
store({{parts = KEYS[3], board = KEYS[4]}}, products, parts_of, weights)
for key = 2, 4 do redis.call('EXPIRE', KEYS[key], ARGV[6]) end
return 1
"""

# KEYS: weights, rebuild; parts, board, seen and journal of the window; parts, board and seen of the
# new one. ARGV: weights (4); token; ttl in seconds.
# Returns LOCK_LOST, or how many events of the journal it added.
SWAP = f"""
{_SHARED}
if redis.call('GET', KEYS[2]) ~= ARGV[5] then return {LOCK_LOST} end
local weights = newest_weights(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
local built = {{parts = KEYS[7], board = KEYS[8]}}
local journal, added = redis.call('HGETALL', KEYS[6]), 0
for at = 1, #journal, 2 do
    if redis.call('SADD', KEYS[9], journal[at]) == 1 then
        added = added + 1
        for product, age, views, likes, amount in
            string.gmatch(journal[at + 1], '([^%s@]+)@?(%d*) (%S+) (%S+) (%S+)') do
            local parts = parsed(redis.call('HGET', built.parts, product))
            local place = 3 * (tonumber(age) or 0)
            add_to(parts, {{[place + 1] = tonumber(views), [place + 2] = tonumber(likes),
                [place + 3] = tonumber(amount)}})
            store(built, {{product}}, {{parts}}, weights)
        end
    end
end
redis.call('HSETNX', built.parts, 'weighed', weights.version)
redis.call('HSET', built.parts, 'carried', 'done')
for number = 0, 2 do
    redis.call('UNLINK', KEYS[3 + number])
    if redis.call('EXISTS', KEYS[7 + number]) == 1 then
        redis.call('RENAME', KEYS[7 + number], KEYS[3 + number])
        redis.call('EXPIRE', KEYS[3 + number], ARGV[6])
    end
end
redis.call('UNLINK', KEYS[2], KEYS[6])
return added
"""

# KEYS: rebuild. ARGV: token.
UNLOCK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
"""
