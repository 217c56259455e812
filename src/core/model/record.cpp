#include "core/model/record.hpp"

namespace haven::path {
namespace {

std::string padded(std::uint64_t n, std::size_t width) {
  std::string digits = std::to_string(n);
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

}  // namespace

std::string order(const ResourceName& r) { return "spec/order/" + r.str(); }
std::string member(const HostName& h) { return "member/" + h.str(); }
std::string machine(const HostName& h) { return "machine/" + h.str(); }
std::string away(const HostName& h) { return "away/" + h.str(); }
std::string status(const HostName& h) { return "status/" + h.str(); }
std::string quarantine(const HostName& h) { return "quarantine/" + h.str(); }
std::string maintenance(const HostName& h) { return "maintenance/" + h.str(); }
std::string answer(const HostName& h, const Incarnation& i) { return "answer/" + h.str() + "/" + i.str(); }
std::string device(const HostName& h) { return "device/" + h.str(); }
std::string fence(const HostName& h, const Incarnation& i) { return "fence/" + h.str() + "/" + i.str(); }
std::string promise(const HostName& h) { return "promise/" + h.str(); }
std::string fit(const HostName& h) { return "fit/" + h.str(); }
std::string load(const HostName& h) { return "load/" + h.str(); }
std::string claim(const ResourceName& r) { return "claim/" + r.str(); }
std::string run(const ResourceName& r) { return "run/" + r.str(); }
std::string calendar(const ResourceName& r) { return "calendar/" + r.str(); }
std::string arrival(const ResourceName& r) { return "arrival/" + r.str(); }
std::string handover(const ResourceName& successor) { return "handover/" + successor.str(); }

std::string journal(WallTime at, const HostName& by, std::uint32_t count) {
  return "journal/" + padded(static_cast<std::uint64_t>(at.unix_ms < 0 ? 0 : at.unix_ms), 15) + "-" + by.str() + "-" +
         padded(count % 1000000, 6);
}

Parts split(std::string_view path) {
  constexpr std::string_view kOrders = "spec/order/";
  if (path.starts_with(kOrders)) return {"spec/order", std::string(path.substr(kOrders.size())), ""};
  const auto slash = path.find('/');
  if (slash == std::string_view::npos) return {std::string(path), "", ""};
  const auto rest = path.substr(slash + 1);
  const auto second = rest.find('/');
  Parts parts{std::string(path.substr(0, slash)), std::string(rest.substr(0, second)), ""};
  if (second != std::string_view::npos) parts.second = rest.substr(second + 1);
  return parts;
}

}  // namespace haven::path
