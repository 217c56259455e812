#include "daemon/etcd_member/local_file.hpp"

#include <unistd.h>

#include <sstream>

#include "daemon/etcd_member/member_file.hpp"

namespace haven::daemon {
namespace {

bool sets_engine(const std::string& line) {
  const auto begin = line.find_first_not_of(" \t");
  if (begin == std::string::npos || line.compare(begin, 6, "engine") != 0) return false;
  const auto after = line.find_first_not_of(" \t", begin + 6);
  return after != std::string::npos && line[after] == '=';
}

}  // namespace

OrWhy<std::string> with_engine(const std::string& text, file::EngineKind engine, const std::string& file_name) {
  const std::string wanted = engine == file::EngineKind::etcd ? "engine = \"etcd\"" : "engine = \"embedded\"";
  std::istringstream in(text);
  std::string out;
  bool set = false;
  for (std::string line; std::getline(in, line);) {
    if (!set && sets_engine(line)) {
      const auto comment = line.find('#');
      out += wanted + (comment == std::string::npos ? "" : "  " + line.substr(comment)) + "\n";
      set = true;
    } else {
      out += line + "\n";
    }
  }
  // Before any table's header a key is the file's own.
  if (!set) out = wanted + "\n" + out;
  const auto before = file::parse_local_config(text, file_name);
  const auto after = file::parse_local_config(out, file_name);
  auto expected = before;
  if (expected) expected->engine = engine;
  if (!after || !expected || *after != *expected)
    return tl::unexpected(file_name + ": " + wanted + " must be set by hand; the file is written in a way that no " +
                          "program should change");
  return out;
}

OrWhy<void> set_engine(const std::string& path, file::EngineKind engine) {
  const auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  const auto next = with_engine(*text, engine, path);
  if (!next) return tl::unexpected(next.error());
  return replace_file_durably(path, *next, mode_of(path));
}

OrWhy<std::string> keep_or_make_key(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) {
    auto text = read_file(path);
    if (text && text->empty()) return tl::unexpected(path + ": it is empty");
    return text;
  }
  const std::string key = random_id() + random_id() + "\n";
  if (auto written = replace_file_durably(path, key, 0600); !written) return tl::unexpected(written.error());
  return key;
}

}  // namespace haven::daemon
