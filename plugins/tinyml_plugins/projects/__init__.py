"""Projects: compiled networks as libraries of Arduino, PlatformIO, Zephyr, ESP-IDF, STM32Cube and CMSIS-Pack."""
