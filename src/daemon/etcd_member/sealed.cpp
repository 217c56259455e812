#include "daemon/etcd_member/sealed.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "daemon/boot.hpp"
#include "daemon/names.hpp"

namespace haven::daemon {
namespace {

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

using Bytes = std::array<unsigned char, 32>;
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* data_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* data_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

Bytes key_of(std::string_view secret, Direction direction) {
  const std::string_view label = direction == Direction::request ? "haven join 1 request" : "haven join 1 reply";
  Bytes key{};
  unsigned int size = key.size();
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), data_of(label), label.size(), key.data(), &size);
  return key;
}

}  // namespace

std::string seal(std::string_view secret, Direction direction, std::string_view text) {
  const Bytes key = key_of(secret, direction);
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  const std::string nonce = random_bytes(kNonce);
  std::string box(text.size(), '\0');
  std::string tag(kTag, '\0');
  int size = 0;
  int rest = 0;
  const bool done =
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), data_of(nonce)) == 1 &&
      EVP_EncryptUpdate(cipher.get(), data_of(box), &size, data_of(text), static_cast<int>(text.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), data_of(box) + size, &rest) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag, tag.data()) == 1;
  // With a key of the right size nothing here can fail.
  if (!done) std::abort();
  return base64(nonce + box + tag);
}

std::optional<std::string> unseal(std::string_view secret, Direction direction, std::string_view box) {
  auto bytes = from_base64(box);
  if (!bytes || bytes->size() < kNonce + kTag) return std::nullopt;
  const Bytes key = key_of(secret, direction);
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  const std::string nonce = bytes->substr(0, kNonce);
  std::string tag = bytes->substr(bytes->size() - kTag);
  const std::string_view sealed = std::string_view(*bytes).substr(kNonce, bytes->size() - kNonce - kTag);
  std::string text(sealed.size(), '\0');
  int size = 0;
  int rest = 0;
  const bool done =
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), data_of(nonce)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), data_of(text), &size, data_of(sealed), static_cast<int>(sealed.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), data_of(text) + size, &rest) == 1;
  if (!done) return std::nullopt;
  return text;
}

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(data_of(text), data_of(bytes), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3 + 1, '\0');
  const int size = EVP_DecodeBlock(data_of(bytes), data_of(text), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  // One text for one content: what decodes alike but is written otherwise was not written by us.
  if (base64(bytes) != text) return std::nullopt;
  return bytes;
}

std::string sha256_hex(std::string_view bytes) {
  Bytes digest{};
  unsigned int size = digest.size();
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) std::abort();
  return codec::hex_of({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace haven::daemon
