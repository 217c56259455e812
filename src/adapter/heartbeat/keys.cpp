#include "adapter/heartbeat/keys.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "adapter/private_file.hpp"

namespace haven::adapter {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<HeartbeatKey> parse_key(std::string_view text) {
  HeartbeatKey key;
  if (text.size() != 2 * key.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < key.bytes.size(); ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    key.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(key.bytes.data(), key.bytes.size(), digest.data());
  std::memcpy(&key.id.value, digest.data(), sizeof key.id.value);
  return key;
}

}  // namespace

const HeartbeatKey* HeartbeatKeys::find(KeyId id) const {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const HeartbeatKey& key) { return key.id == id; });
  return found == keys.end() ? nullptr : &*found;
}

tl::expected<HeartbeatKeys, std::string> parse_keys(std::string_view text) {
  HeartbeatKeys found;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const auto key = parse_key(line);
    if (!key) {
      return tl::make_unexpected("line " + std::to_string(number) +
                                 " is no key of 64 hexadecimal digits, as: openssl rand -hex 32");
    }
    if (found.find(key->id) != nullptr) return tl::make_unexpected("line " + std::to_string(number) + " stands twice");
    found.keys.push_back(*key);
  }
  if (found.keys.empty()) return tl::make_unexpected(std::string("it holds no key, as: openssl rand -hex 32"));
  if (found.keys.size() > kMostKeys) return tl::make_unexpected(std::string("it holds more than two keys"));
  return found;
}

tl::expected<HeartbeatKeys, std::string> read_keys(const std::string& path) {
  const auto refused = [&](const std::string& why) { return tl::make_unexpected("key file " + path + ": " + why); };
  auto text = read_private_file(path);
  if (!text) return refused(text.error());
  auto keys = parse_keys(*text);
  std::fill(text->begin(), text->end(), '\0');
  if (!keys) return refused(keys.error());
  return keys;
}

}  // namespace haven::adapter
