// A service worker cannot have workers of its own, and it sleeps: the engine lives in the panel. Others (a content
// script, say) ask it with `chrome.runtime.sendMessage({ ask: 'Why is the sky blue?' })`.
chrome.sidePanel.setPanelBehavior({ openPanelOnActionClick: true });
