"""The settings pages, a section to a file. They work without JavaScript; settings_page.js makes choices take effect
at once. Guests have all of them but security and API keys."""
