"""The boards' Lua: whatever must happen at once, or not at all.

A window is two keys. Its *parts* are a hash: for each product the views, likes and amount of the
window itself and of up to seven windows before it, as integers, the newest first; and two fields of
its own state, `weighed` (under which version of the weights its scores were made) and `carried`
(begun or done: what was before it is in it). Its *board* is the sorted set of the scores. A score
is always computed from the parts, never added to: nothing drifts, and to do it again is harmless.
"""

_SHARED = """
local AGES = 8

local function in_force(key, version, view, like, order)
    local kept = redis.call('HMGET', key, 'version', 'view', 'like', 'order')
    if not kept[1] or tonumber(kept[1]) < tonumber(version) then
        redis.call('HSET', key, 'version', version, 'view', view, 'like', like, 'order', order)
        kept = {version, view, like, order}
    end
    return {version = kept[1], view = tonumber(kept[2]), like = tonumber(kept[3]),
        order = tonumber(kept[4])}
end

local function parsed(text)
    local parts = {}
    for number in string.gmatch(text or '', '%-?%d+') do
        parts[#parts + 1] = tonumber(number)
    end
    return parts
end

local function logarithm(amount)
    if amount < 0 then return -math.log(1 - amount) end
    return math.log(1 + amount)
end

local function score(parts, weights)
    local sum, share = 0, 1
    for at = 1, #parts, 3 do
        sum = sum + share * (weights.view * parts[at] + weights.like * parts[at + 1]
            + weights.order * logarithm(parts[at + 2]))
        share = share / 10
    end
    return math.floor(sum * 1e9 + 0.5) / 1e9
end

local function keep(window, product, parts, weights)
    local last = #parts
    while last > 0 and parts[last] == 0 do last = last - 1 end
    if last == 0 then
        redis.call('HDEL', window.parts, product)
        redis.call('ZREM', window.board, product)
        return
    end
    local texts = {}
    for at = 1, math.ceil(last / 3) * 3 do
        texts[at] = string.format('%.0f', parts[at] or 0)
    end
    redis.call('HSET', window.parts, product, table.concat(texts, ' '))
    local sum = score(parts, weights)
    if sum > 0 then
        redis.call('ZADD', window.board, string.format('%.17g', sum), product)
    else
        redis.call('ZREM', window.board, product)
    end
end

local function after(windows, number)
    local following = windows[number].following
    if following > 0 and redis.call('HEXISTS', windows[following].parts, 'carried') == 0 then
        return 0
    end
    return following
end

-- Into the window after it, and from there on, as far as windows have been carried into.
local function carry(windows, number, product, parts, weights)
    while number > 0 do
        local window = windows[number]
        local own = parsed(redis.call('HGET', window.parts, product))
        local carried = {own[1] or 0, own[2] or 0, own[3] or 0}
        for at = 1, math.min(#parts, 3 * (AGES - 1)) do
            carried[at + 3] = parts[at]
        end
        keep(window, product, carried, weights)
        parts, number = carried, after(windows, number)
    end
end

local function finish(windows, weights)
    local due = {}
    for number, window in ipairs(windows) do
        if window.touched or redis.call('EXISTS', window.parts) == 1 then
            redis.call('HSETNX', window.parts, 'weighed', weights.version)
            redis.call('EXPIRE', window.parts, window.ttl)
            redis.call('EXPIRE', window.board, window.ttl)
            if redis.call('HGET', window.parts, 'weighed') ~= weights.version then
                due[#due + 1] = number
            end
        end
    end
    return due
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
# ARGV: weights (4); how many windows; ttl and following of each; how many days; ttl of their keys;
# then for each event: id, its day, the windows of that day and hour (0 for none), how many tallies;
# product, views, likes, amount of each. Returns the windows that are due to be weighed anew.
ADD = f"""
{_SHARED}
local weights = in_force(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
local count = tonumber(ARGV[5])
local windows = read_windows(2, 6, count)
local at = 6 + 2 * count
local days, ttl = tonumber(ARGV[at]), ARGV[at + 1]
local first_day = 2 + 2 * count
local is_rebuilt = {{}}
for day = 1, days do
    is_rebuilt[day] = redis.call('EXISTS', KEYS[first_day + 3 * (day - 1) + 2]) == 1
end
at = at + 2

local sums = {{}}
local function note(number, product, views, likes, amount)
    if number == 0 then return end
    local products = sums[number] or {{}}
    local sum = products[product] or {{0, 0, 0}}
    products[product] = {{sum[1] + views, sum[2] + likes, sum[3] + amount}}
    sums[number] = products
end

while at <= #ARGV do
    local id, day = ARGV[at], tonumber(ARGV[at + 1])
    local in_day, in_hour = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    local tallies = tonumber(ARGV[at + 4])
    local seen = KEYS[first_day + 3 * (day - 1)]
    local is_new = redis.call('SADD', seen, id) == 1
    if is_new and is_rebuilt[day] then
        local told = {{}}
        for each = at + 5, at + 4 + 4 * tallies do told[#told + 1] = ARGV[each] end
        redis.call('HSET', KEYS[first_day + 3 * (day - 1) + 1], id, table.concat(told, ' '))
    end
    at = at + 5
    for _ = 1, tallies do
        if is_new then
            local views, likes = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
            local amount = tonumber(ARGV[at + 3])
            note(in_day, ARGV[at], views, likes, amount)
            note(in_hour, ARGV[at], views, likes, amount)
        end
        at = at + 4
    end
end

for number = 1, count do
    local window = windows[number]
    local target = after(windows, number)
    for product, sum in pairs(sums[number] or {{}}) do
        local parts = parsed(redis.call('HGET', window.parts, product))
        for part = 1, 3 do parts[part] = (parts[part] or 0) + sum[part] end
        keep(window, product, parts, weights)
        carry(windows, target, product, parts, weights)
        window.touched = true
    end
end
for day = 1, days do
    redis.call('EXPIRE', KEYS[first_day + 3 * (day - 1)], ttl)
    if is_rebuilt[day] then redis.call('EXPIRE', KEYS[first_day + 3 * (day - 1) + 1], ttl) end
end
return finish(windows, weights)
"""

# KEYS: weights; the parts that are carried on; parts and board of the windows after it.
# ARGV: weights (4); cursor; how many at once; how many windows; ttl and following of each.
CARRY = f"""
{_SHARED}
local weights = in_force(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
local windows = read_windows(3, 8, tonumber(ARGV[7]))
-- From here on whoever adds to the window before adds here too.
if ARGV[5] == '0' then redis.call('HSET', windows[1].parts, 'carried', 'begun') end
local found = redis.call('HSCAN', KEYS[2], ARGV[5], 'COUNT', ARGV[6])
for at = 1, #found[2], 2 do
    if #found[2][at] == 36 then
        carry(windows, 1, found[2][at], parsed(found[2][at + 1]), weights)
    end
end
if found[1] == '0' then redis.call('HSET', windows[1].parts, 'carried', 'done') end
finish(windows, weights)
return found[1]
"""

# KEYS: weights, parts, board. ARGV: weights (4); cursor; how many at once; the version it began
# with, or nothing; ttl. Returns the next cursor, and the version in force.
WEIGH = f"""
{_SHARED}
local weights = in_force(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
local window = {{parts = KEYS[2], board = KEYS[3]}}
local found = redis.call('HSCAN', KEYS[2], ARGV[5], 'COUNT', ARGV[6])
for at = 1, #found[2], 2 do
    if #found[2][at] == 36 then keep(window, found[2][at], parsed(found[2][at + 1]), weights) end
end
local began_with = ARGV[7] == '' and weights.version or ARGV[7]
if found[1] == '0' and redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('HSET', KEYS[2], 'weighed', began_with)
    redis.call('EXPIRE', KEYS[3], redis.call('TTL', KEYS[2]))
end
return {{found[1], began_with}}
"""

# KEYS: weights, rebuild; parts and board of the window that is being built.
# ARGV: weights (4); token; ttl in seconds; then product and parts of each.
FILL = f"""
{_SHARED}
if redis.call('GET', KEYS[2]) ~= ARGV[5] then return 0 end
local weights = in_force(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
local window = {{parts = KEYS[3], board = KEYS[4]}}
redis.call('HSETNX', window.parts, 'weighed', weights.version)
for at = 7, #ARGV, 2 do keep(window, ARGV[at], parsed(ARGV[at + 1]), weights) end
for key = 2, 4 do redis.call('EXPIRE', KEYS[key], ARGV[6]) end
return 1
"""

# KEYS: weights, rebuild; parts, board, seen and journal of the window; parts, board and seen of the
# one that was built. ARGV: weights (4); token; ttl in seconds.
SWAP = f"""
{_SHARED}
if redis.call('GET', KEYS[2]) ~= ARGV[5] then return -1 end
local weights = in_force(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
local built = {{parts = KEYS[7], board = KEYS[8]}}
local journal, added = redis.call('HGETALL', KEYS[6]), 0
for at = 1, #journal, 2 do
    if redis.call('SADD', KEYS[9], journal[at]) == 1 then
        added = added + 1
        for product, views, likes, amount in
            string.gmatch(journal[at + 1], '(%S+) (%S+) (%S+) (%S+)') do
            local parts = parsed(redis.call('HGET', built.parts, product))
            parts[1] = (parts[1] or 0) + tonumber(views)
            parts[2] = (parts[2] or 0) + tonumber(likes)
            parts[3] = (parts[3] or 0) + tonumber(amount)
            keep(built, product, parts, weights)
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
LET_GO = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
"""
