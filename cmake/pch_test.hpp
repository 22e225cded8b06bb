// The shared headers, Asio and GoogleTest, for test programs.
#pragma once
#include <gtest/gtest.h>

#include "pch_asio.hpp"
