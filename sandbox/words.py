"""Made-up Dutch people, places and wares. Nobody and nothing here exists; mail goes to domains kept for examples."""

FIRST_NAMES = (
    "Sanne", "Daan", "Fleur", "Bram", "Lotte", "Joris", "Maaike", "Thijs", "Femke", "Ruben", "Noor", "Sem",
    "Anouk", "Pieter", "Iris", "Wouter", "Esmée", "Koen", "Jikke", "Mehmet", "Fatima", "Zoë", "Hidde", "Renée",
)  # fmt: skip
LAST_NAMES = (
    "de Vries", "Jansen", "van den Berg", "Bakker", "Visser", "Smit", "Meijer", "de Boer", "Mulder", "de Groot",
    "Bos", "Vos", "Peters", "Hendriks", "van Leeuwen", "Dekker", "Brouwer", "de Wit", "Dijkstra", "Smits",
    "van der Meulen", "Yilmaz", "el Idrissi", "Schaïk", "'t Hart", "Koning-van Dam",
)  # fmt: skip
STREETS = (
    "Dorpsstraat", "Kerkstraat", "Molenweg", "Stationsplein", "Burgemeester de Raadtsingel", "Lindelaan",
    "Prins Hendrikkade", "Oude Gracht", "Nieuwstraat", "Beukenhof", "Zandpad", "'s-Gravenlaan",
)  # fmt: skip
HOUSE_SUFFIXES = ("", "", "", "", "a", "B", "-2", " hs", " bis")
PLACES = (
    ("53", "Oss"), ("10", "Amsterdam"), ("35", "Utrecht"), ("97", "Groningen"), ("62", "Maastricht"),
    ("25", "'s-Gravenhage"), ("30", "Rotterdam"), ("89", "Leeuwarden"), ("56", "Eindhoven"), ("80", "Zwolle"),
)  # fmt: skip
MAIL_DOMAINS = ("example.nl", "example.com", "post.example.nl")
COMPANIES = (
    "Bakkerij {name}", "{name} Interieurbouw B.V.", "Praktijk {name}", "{name} & Zn.", "Stichting De Brug",
    "VOF {name} Catering", "Café 't Hoekje",
)  # fmt: skip

# (article, VAT rate, lowest and highest price including VAT in cents)
ARTICLES = (
    ("Keramieken mok handgedraaid", "21", 995, 2495),
    ("Wollen plaid visgraat", "21", 3995, 8950),
    ("Houten snijplank eiken", "21", 1450, 5999),
    ("Geurkaars vijg & ceder", "21", 895, 2995),
    ("Linnen theedoek, set van 2", "21", 1195, 1995),
    ("Tuingereedschap schepje", "21", 749, 1849),
    ("Bluetooth-speaker mini", "21", 1999, 7995),
    ("Sokken merino maat 39-42", "21", 899, 1695),
    ("Kookboek 'Van het land'", "9", 1799, 3499),
    ("Kinderboek over de zee", "9", 1099, 1799),
    ("Koffiebonen espresso 1 kg", "9", 1395, 2395),
    ("Losse thee sencha 100 g", "9", 495, 1195),
    ("Pot honing lindebloesem", "9", 545, 995),
    ("Seizoensboeket", "9", 1750, 4500),
    ("Stroopwafels in blik", "9", 495, 895),
    ("Postzegelvel zomer", "0", 910, 1820),
    ("Cadeaubon te besteden in de winkel", "0", 1000, 5000),
)
OPTIONS = (("Kleur: donkerblauw", 0), ("Cadeauverpakking", 250), ("Maat: L", 0), ("Gravure met naam", 795), ("XL", 300))
CUSTOM_LINES = ("Reparatie op maat", "Weekaanbieding aan de kassa", "Maatwerk volgens afspraak", "Losse verkoop markt")
COMMENTS = ("", "", "", "Graag bij de buren afgeven.", "Het is een cadeau, dus geen bon in de doos!", "Bel 2x aub")
