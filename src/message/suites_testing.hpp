// For tests: the messages of the public suites that stand beside the project (../shared/suites), where they are.
#pragma once
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <vector>

namespace pabal::message {

[[nodiscard]] inline std::string file_contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Every file in these folders of the suites and below them, in order; empty where the suites are not.
[[nodiscard]] inline std::vector<std::filesystem::path> suite_files(std::initializer_list<const char*> folders) {
  std::vector<std::filesystem::path> files;
  for (const char* folder : folders) {
    const auto root = std::filesystem::path(PABAL_SOURCE_DIR) / "../shared/suites" / folder;
    if (!std::filesystem::exists(root)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace pabal::message
