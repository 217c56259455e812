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
std::string answer(const HostName& h, const Incarnation& i) { return "answer/" + h.str() + "/" + i.str(); }
std::string device(const HostName& h) { return "device/" + h.str(); }
std::string fence(const HostName& h, const Incarnation& i) { return "fence/" + h.str() + "/" + i.str(); }
std::string promise(const HostName& h) { return "promise/" + h.str(); }
std::string claim(const ResourceName& r) { return "claim/" + r.str(); }
std::string run(const ResourceName& r) { return "run/" + r.str(); }

std::string journal(WallTime at, const HostName& by, std::uint32_t count) {
  return "journal/" + padded(static_cast<std::uint64_t>(at.unix_ms < 0 ? 0 : at.unix_ms), 15) + "-" + by.str() + "-" +
         padded(count % 1000000, 6);
}

Parts split(const std::string& path) {
  Parts parts;
  std::string rest = path;
  const std::string orders = "spec/order/";
  if (rest.starts_with(orders)) return {"spec/order", rest.substr(orders.size()), ""};
  const auto slash = rest.find('/');
  parts.kind = rest.substr(0, slash);
  if (slash == std::string::npos) return parts;
  rest = rest.substr(slash + 1);
  const auto second = rest.find('/');
  parts.first = rest.substr(0, second);
  if (second != std::string::npos) parts.second = rest.substr(second + 1);
  return parts;
}

}  // namespace haven::path
