-- A Dynamic Yield engagement in, Gravity Field's out.

local cjson = require("cjson.safe")

local OUT = '{"user":%s,"session":%s,"context":{"page":%s,"device":%s},"engagements":%s}'
local PAGE = '{"type":"OTHER","data":[],"location":"https://shop.example/"}' -- cjson has no way to write an empty list

local function engagement(one)
  local variations = {}
  for index, variation in ipairs(one.variations) do
    variations[index] = tostring(variation)
  end
  return { type = one.type, decisionId = one.decisionId, variations = variations }
end

ngx.req.read_body()
local click = cjson.decode(ngx.req.get_body_data() or "")
if not click or ngx.var.http_dy_api_key ~= "shop-key" then
  return ngx.exit(click and 401 or 400)
end
local engagements = {}
for index, one in ipairs(click.engagements) do
  engagements[index] = engagement(one)
end
ngx.req.set_body_data(OUT:format(
  cjson.encode({ id = click.user.id }),
  cjson.encode({ custom = click.session.custom }),
  PAGE,
  cjson.encode({ userAgent = ngx.var.http_user_agent, ip = click.context.device.ip }),
  cjson.encode(engagements)
))
