"""German texts of the diagrams that tools/draw_pictures.py draws, by the English ones."""

GERMAN = {
    "From the package to the open camera": "Vom Paket bis zur offenen Kamera",
    "1. A PC": "1. Ein PC",
    "makes packages.": "macht Pakete.",
    "Publish or copy them.": "Kopiere sie zum Pi.",
    "2. The Pi": "2. Der Pi",
    "Camera: closed.": "Kamera: zu.",
    "3. Your phone": "3. Dein Handy",
    "Scan the QR code.": "QR-Code scannen.",
    "4. The people": "4. Die Leute",
    "Tell everybody.": "Sag es allen.",
    "5. The camera": "5. Die Kamera",
    "Camera: open.": "Kamera: offen.",
    "musicond and Home Assistant use the same MQTT broker": "musicond und Home Assistant am selben MQTT-Broker",
    "It reads the expression.": "liest den Ausdruck.",
    "MQTT broker": "MQTT-Broker",
    "such as mosquitto": "z. B. mosquitto",
    "passes messages on.": "leitet Daten weiter.",
    "It finds the device.": "findet das Gerät.",
    "mood, songs": "Stimmung, Lieder",
    "play, like, privacy": "Start, Like, Privat",
    "No picture is sent. Your automations use the entities, such as a lamp for a mood.": (
        "Kein Bild wird gesendet. Automationen nutzen die Entitäten, etwa eine Lampe je Stimmung."
    ),
    "Sign in at Spotify without a screen on the Pi": "Anmeldung bei Spotify ohne Bildschirm am Pi",
    "1. The Pi": "1. Der Pi",
    "prints a link and a": "zeigt einen Link und",
    "QR code.": "einen QR-Code.",
    "2. Your phone": "2. Dein Handy",
    "Open the link.": "Öffne den Link.",
    "Agree at Spotify.": "Stimme zu.",
    "The page cannot be": "Die Seite ist nicht",
    "shown. That is right:": "erreichbar. Richtig:",
    "only its address": "Nur ihre Adresse",
    "counts.": "zählt.",
    "4. Your phone": "4. Dein Handy",
    "Copy the whole": "Kopiere die ganze",
    "address:": "Adresse:",
    "5. The Pi": "5. Der Pi",
    "Paste it into the": "Füge sie ein, im",
    "terminal, or on": "Terminal oder auf",
    "musicond's page.": "der Seite.",
    "Done.": "Fertig.",
    "A smile for a moment changes nothing; one that lasts becomes the mood": (
        "Ein kurzes Lächeln ändert nichts; ein längeres wird zur Stimmung"
    ),
    "Score of happy in each frame (dotted), and smoothed (solid)": (
        "Wert für fröhlich in jedem Bild (gepunktet) und geglättet (durchgezogen)"
    ),
    "mood.dwell_s: 1 s in the lead and above it": "mood.dwell_s: 1 s lang vorn und darüber",
    "mood": "Stimmung",
    "A lift leads from sad over calm to happy, song by song": (
        "Aufhellen führt Lied für Lied von traurig über ruhig zu fröhlich"
    ),
    "unpleasant": "unangenehm",
    "pleasant": "angenehm",
    "excited": "erregt",
    "calm": "ruhig",
    "relaxed": "entspannt",
    "Each small dot is a song: 15 from sad to happy. The next song is the one that suits its dot.": (
        "Jeder kleine Punkt ist ein Lied: 15 von traurig bis fröhlich. Es kommt, was zum Punkt passt."
    ),
    "nobody": "niemand da",
    "happy": "fröhlich",
    "neutral": "neutral",
    "sad": "traurig",
    "angry": "wütend",
    "fear": "ängstlich",
    "disgust": "angewidert",
    "surprise": "überrascht",
}
UNCHANGED = ("musicond", "Home Assistant")
"""Names that are the same in both languages."""
