"""The chart of accounts and the journals a fresh administration starts with.

Functions and numbers of the accounts that matter are SnelStart's default chart as recorded against a live one;
the rest fills the chart to the size a client really meets (about 230 rows).
"""

from datetime import datetime
from uuid import UUID, uuid5

from sandbox.books_wire import Row

# function[:vatRateCode]: number description | number description
_GROOTBOEKEN = """
Diversen: 100 Goodwill | 101 Afschrijving goodwill | 110 Ontwikkelingskosten | 111 Afschrijving ontwikkelingskosten
Diversen: 120 Webwinkel en software | 121 Afschrijving webwinkel en software | 200 Grond | 210 Bedrijfspand
Diversen: 211 Afschrijving bedrijfspand | 220 Verbouwing | 221 Afschrijving verbouwing | 230 Machines
Diversen: 231 Afschrijving machines | 240 Inventaris | 241 Afschrijving inventaris | 250 Computers
Diversen: 251 Afschrijving computers | 260 Vervoermiddelen | 261 Afschrijving vervoermiddelen | 300 Deelnemingen
Diversen: 310 Waarborgsommen | 320 Leningen verstrekt | 500 Ondernemingsvermogen | 510 Privé-opnamen
Diversen: 511 Privé-stortingen | 512 Privé-belastingen | 513 Privé-verzekeringen | 514 Privé-gebruik auto
Diversen: 520 Fiscale oudedagsreserve | 530 Herinvesteringsreserve | 600 Voorziening groot onderhoud
Diversen: 610 Voorziening garanties | 700 Hypotheek | 710 Lening bank | 720 Lening familie | 730 Leaseverplichting
Winstboeking: 999 Winstboeking
DagboekKas: 1000 Kas
DagboekBank: 1100 Bank | 1101 Spaarrekening | 1103 Mollie | 1104 PayPal | 1105 Klarna
Kruisposten: 1200 Kruisposten
TussenrekeningBetalingen: 1210 Tussenrekening betalingen
OnbekendeBetalingen: 1220 Onbekende betalingen
ContanteBetaling: 1230 Contante betaling
ElectronischeBetaling: 1240 Elektronische betaling
Diversen: 1250 Vraagposten
DagboekVerkoop: 1300 Debiteuren
Diversen: 1310 Dubieuze debiteuren | 1320 Voorziening dubieuze debiteuren | 1330 Te ontvangen bedragen
Diversen: 1340 Vooruitbetaalde kosten | 1350 Nog te factureren | 1360 Uitstaande cadeaubonnen
Diversen: 1370 Rekening-courant
BtwTeVorderenHoog: 1400 Btw te vorderen hoog
BtwTeVorderenLaag: 1401 Btw te vorderen laag
BtwTeVorderenOverig: 1402 Btw te vorderen overig
BtwTeVorderenVerlegd: 1403 Btw te vorderen verlegd
BtwTeVorderenVerlegdInkopen: 1404 Btw te vorderen verlegd inkopen
BtwAfTeDragenHoog: 1500 Btw af te dragen hoog
BtwAfteDragenLaag: 1501 Btw af te dragen laag
BtwAfTeDragenOverig: 1502 Btw af te dragen overig
BtwAfTeDragenVerlegdInkopen: 1503 Btw af te dragen verlegd inkopen
BtwAfTeDragenVerlegdVerkopen: 1504 Btw af te dragen verlegd verkopen
BtwGlobalisatie: 1505 Btw globalisatie
Diversen: 1510 Btw betaald of ontvangen | 1520 Buitenlandse btw (OSS) | 1530 Btw voorgaande jaren
DagboekInkoop: 1600 Crediteuren
Diversen: 1610 Nog te betalen kosten | 1620 Vooruit ontvangen bedragen | 1630 Te ontvangen inkoopfacturen
Diversen: 1700 Loonheffing | 1710 Nettolonen | 1720 Vakantiegeld | 1730 Pensioenpremies
Diversen: 1740 Vennootschapsbelasting | 1750 Inkomstenbelasting
DagboekMemoriaal: 1990 Memoriaal
DagboekBalans: 1999 Balans
Diversen: 3000 Voorraad handelsgoederen | 3010 Voorraad verpakkingen | 3020 Voorraad onderweg
Diversen: 3030 Voorziening incourante voorraad | 3040 Voorraadverschillen | 3100 Onderhanden werk
InkopenKostenAlleBtwTarieven: 4000 Lonen | 4001 Vakantiegeld | 4002 Sociale lasten | 4003 Pensioenlasten
InkopenKostenAlleBtwTarieven: 4004 Reiskostenvergoeding | 4005 Uitzendkrachten | 4006 Kantine | 4007 Opleidingen
InkopenKostenAlleBtwTarieven: 4008 Arbodienst | 4009 Overige personeelskosten | 4100 Huur bedrijfsruimte
InkopenKostenAlleBtwTarieven: 4101 Energie | 4102 Water | 4103 Schoonmaak | 4104 Onderhoud bedrijfsruimte
InkopenKostenAlleBtwTarieven: 4105 Gemeentelijke heffingen | 4106 Verzekering opstal
InkopenKostenAlleBtwTarieven: 4109 Overige huisvestingskosten | 4200 Brandstof | 4201 Onderhoud auto
InkopenKostenAlleBtwTarieven: 4202 Verzekering auto | 4203 Wegenbelasting | 4204 Lease auto | 4205 Parkeren
InkopenKostenAlleBtwTarieven: 4209 Overige autokosten | 4300 Advertenties | 4301 Zoekmachinereclame
InkopenKostenAlleBtwTarieven: 4302 Sociale media | 4303 Beurzen | 4304 Relatiegeschenken | 4305 Representatie
InkopenKostenAlleBtwTarieven: 4306 Drukwerk | 4307 Fotografie | 4308 Verzendkosten | 4309 Verpakkingsmateriaal
InkopenKostenAlleBtwTarieven: 4310 Retourkosten | 4311 Kosten betaalprovider | 4312 Creditcardkosten
InkopenKostenAlleBtwTarieven: 4313 Commissies marktplaatsen | 4319 Overige verkoopkosten | 4400 Kantoorartikelen
InkopenKostenAlleBtwTarieven: 4401 Telefoon | 4402 Internet en hosting | 4403 Software | 4404 Porti
InkopenKostenAlleBtwTarieven: 4405 Vakliteratuur | 4406 Abonnementen | 4407 Contributies
InkopenKostenAlleBtwTarieven: 4409 Overige kantoorkosten | 4500 Accountant | 4501 Juridisch advies
InkopenKostenAlleBtwTarieven: 4502 Administratiekosten | 4503 Verzekeringen algemeen | 4504 Kosten webwinkel
InkopenKostenAlleBtwTarieven: 4509 Overige algemene kosten | 4600 Kleine aanschaffingen | 4601 Reparatie inventaris
InkopenKostenAlleBtwTarieven: 4602 Huur machines
Diversen: 4700 Afschrijving bedrijfspand | 4701 Afschrijving verbouwing | 4702 Afschrijving machines
Diversen: 4703 Afschrijving inventaris | 4704 Afschrijving computers | 4705 Afschrijving vervoermiddelen
Diversen: 4706 Afschrijving goodwill | 4707 Boekresultaat activa | 4800 Rente bank | 4801 Rente hypotheek
Diversen: 4802 Bankkosten | 4803 Rente belastingdienst | 4804 Koersverschillen | 4805 Betalingsverschillen
Diversen: 4806 Kasverschillen | 4810 Boetes | 4900 Btw-privégebruik auto
OninbareVorderingen: 4910 Oninbare vorderingen
HerrekeningCorrecties: 4911 Btw herrekening en correcties
InkopenKostenHoog: 7000 Inkopen hoog
InkopenKostenLaag: 7010 Inkopen laag
InkopenKostenOverig: 7020 Inkopen overig
InkopenKostenAlleBtwTarieven: 7030 Inkopen alle tarieven
InkopenKostenHoog: 7040 Inkopen verpakkingen hoog
InkopenVraagPosten: 7050 Inkopen vraagposten
InkopenKostenAlleBtwTarieven: 7100 Inkopen verlegd
InkopenImportBinnenEUhoog: 7200 Inkopen binnen EU hoog
InkopenImportBinnenEUlaag: 7210 Inkopen binnen EU laag
InkopenImportBinnenEUoverig: 7220 Inkopen binnen EU overig
InkopenImportBuitenEUhoog: 7300 Inkopen buiten EU hoog
InkopenImportBuitenEUlaag: 7310 Inkopen buiten EU laag
InkopenImportBuitenEUoverig: 7320 Inkopen buiten EU overig
InkoopGlobalisatieHoog: 7400 Inkoop globalisatie hoog
InkoopGlobalisatieLaag: 7410 Inkoop globalisatie laag
InkoopGlobalisatieOverig: 7420 Inkoop globalisatie overig
KredietbeperkingInkopen: 7500 Kredietbeperking inkopen
BpmInkopen: 7510 Bpm inkopen
BpmVoorraad: 7520 Bpm voorraad
Diversen: 7600 Voorraadmutatie | 7610 Prijsverschillen | 7620 Inkoopkortingen
VerkopenOmzetHoog: 8200 Omzet hoog | 8201 Omzet diensten hoog | 8202 Verzendkosten hoog | 8203 Betaalkosten hoog
VerkopenOmzetHoog: 8204 Kortingen hoog
VerkopenOmzetLaag: 8210 Omzet laag | 8211 Omzet diensten laag | 8212 Verzendkosten laag | 8213 Betaalkosten laag
VerkopenOmzetLaag: 8214 Kortingen laag
VerkopenOmzetOverig: 8220 Omzet overig
VerkopenBtwVrij: 8230 Omzet btw-vrij
VerkopenOmzetOnbelastVerlegd: 8240 Omzet nul of niet bij u belast | 8250 Omzet btw verlegd
VerkopenExportBinnenEU: 8300 Leveringen binnen de EU
DienstverleningBinnenEU: 8301 Diensten binnen de EU
VerkopenExportBuitenEU: 8310 Leveringen buiten de EU
InstallatieTeleverkoopBinnenEUgeen:SR: 8320 Afstandsverkopen EU standaardtarief
InstallatieTeleverkoopBinnenEUgeen:RRH: 8321 Afstandsverkopen EU verlaagd tarief hoog
InstallatieTeleverkoopBinnenEUgeen:RRL: 8322 Afstandsverkopen EU verlaagd tarief laag
InstallatieTeleverkoopBinnenEUgeen:PR: 8323 Afstandsverkopen EU tussentarief
InstallatieTeleverkoopBinnenEUgeen:SRR: 8324 Afstandsverkopen EU sterk verlaagd tarief
VerkoopGlobalisatieHoog: 8400 Globalisatie hoog
VerkoopGlobalisatieLaag: 8410 Globalisatie laag
VerkoopGlobalisatieOverig: 8420 Globalisatie overig
Betalingskorting: 8500 Betalingskorting
KredietbeperkingVerkopen: 8510 Kredietbeperking verkopen
BpmVerkopen: 8520 Bpm verkopen
Diversen: 8530 Provisies | 8540 Overige opbrengsten | 8550 Afrondingsverschillen | 8560 Verkoop activa
Diversen: 9000 Rentebaten | 9010 Dividend | 9020 Resultaat deelnemingen | 9100 Buitengewone baten
Diversen: 9110 Buitengewone lasten | 9200 Belasting over het resultaat | 9300 Resultaat vorig boekjaar
Diversen: 9400 Doorbelaste kosten | 9990 Vraagposten opbrengsten
"""

_SOORTEN = {
    "DagboekKas": "Kas",
    "DagboekBank": "Bank",
    "DagboekVerkoop": "Verkoop",
    "DagboekInkoop": "Inkoop",
    "DagboekMemoriaal": "Memoriaal",
    "DagboekBalans": "Balans",
}

_BTW_SOORTEN = {
    "Hoog": ("VerkopenOmzetHoog", "VerkoopGlobalisatieHoog", "InkopenKostenHoog", "InkoopGlobalisatieHoog"),
    "Laag": ("VerkopenOmzetLaag", "VerkoopGlobalisatieLaag", "InkopenKostenLaag", "InkoopGlobalisatieLaag"),
    "Overig": ("VerkopenOmzetOverig", "VerkoopGlobalisatieOverig", "InkopenKostenOverig", "InkoopGlobalisatieOverig"),
}

_WINST_EN_VERLIES_FROM = 4000
_MADE = datetime(2024, 1, 1, 9, 0)  # noqa: DTZ001 - every date in these books is a wall clock without zone

# What a sales line may be booked on; anything else answers BOE-0061.
SALES_FUNCTIONS = frozenset(
    {
        "Diversen",
        "VerkopenOmzetOnbelastVerlegd",
        "VerkopenOmzetLaag",
        "VerkopenOmzetHoog",
        "VerkopenOmzetOverig",
        "VerkopenBtwVrij",
        "VerkopenExportBinnenEU",
        "VerkopenExportBuitenEU",
        "InstallatieTeleverkoopBinnenEUgeen",
        "DienstverleningBinnenEU",
        "Betalingskorting",
        "TussenrekeningBetalingen",
        "Kruisposten",
        "KredietbeperkingVerkopen",
        "BpmVerkopen",
    }
)
OSS_FUNCTION = "InstallatieTeleverkoopBinnenEUgeen"
REVERSE_CHARGE_FUNCTION = "VerkopenOmzetOnbelastVerlegd"
EU_BUSINESS_FUNCTIONS = frozenset({"VerkopenExportBinnenEU", "DienstverleningBinnenEU"})
JOURNAL_FUNCTIONS = frozenset(_SOORTEN)
FOREIGN_VAT_NUMBER = 1520


def btw_soorten(functie: str) -> list[str]:
    """The line kinds an account with this function takes."""
    if functie in {"InkopenKostenAlleBtwTarieven", "InkopenVraagPosten"}:
        return ["Geen", "Laag", "Hoog", "Overig"]
    return [soort for soort, functions in _BTW_SOORTEN.items() if functie in functions] or ["Geen"]


def grootboek(seed: UUID, nummer: int, omschrijving: str, functie: str, rate_code: str | None = None) -> Row:
    """One ledger account in the API's shape; its id follows from the administration and the number."""
    key = str(uuid5(seed, f"grootboek {nummer}"))
    result = nummer >= _WINST_EN_VERLIES_FROM
    return {
        "modifiedOn": _MADE,
        "omschrijving": omschrijving,
        "kostenplaatsVerplicht": False,
        "rekeningCode": "WinstEnVerlies" if result else "Balans",
        "nonactief": False,
        "nummer": nummer,
        "grootboekfunctie": functie,
        "grootboekRubriek": "Resultaat" if result else "Balans",
        "rgsCode": [],
        "btwSoort": btw_soorten(functie),
        "vatRateCode": rate_code,
        "id": key,
        "uri": f"/grootboeken/{key}",
    }


def grootboeken(seed: UUID) -> list[Row]:
    """The default chart, by number."""
    rows = []
    for line in _GROOTBOEKEN.strip().splitlines():
        head, _, entries = line.partition(": ")
        functie, _, rate_code = head.partition(":")
        for entry in entries.split(" | "):
            nummer, _, omschrijving = entry.partition(" ")
            rows.append(grootboek(seed, int(nummer), omschrijving, functie, rate_code or None))
    return sorted(rows, key=lambda row: int(row["nummer"]))


def dagboek(seed: UUID, nummer: int, omschrijving: str, soort: str) -> Row:
    """One journal in the API's shape; its number is that of its ledger account."""
    key = str(uuid5(seed, f"dagboek {nummer}"))
    return {
        "omschrijving": omschrijving,
        "soort": soort,
        "nonactief": False,
        "nummer": nummer,
        "id": key,
        "uri": f"/dagboeken/{key}",
    }


def dagboeken(seed: UUID, chart: list[Row]) -> list[Row]:
    """One journal per ledger account with a journal function."""
    return [
        dagboek(seed, row["nummer"], row["omschrijving"], _SOORTEN[row["grootboekfunctie"]])
        for row in chart
        if row["grootboekfunctie"] in _SOORTEN
    ]


def kostenplaats(seed: UUID, nummer: int, omschrijving: str, *, nonactief: bool = False) -> Row:
    """One cost centre in the API's shape."""
    key = str(uuid5(seed, f"kostenplaats {nummer}"))
    return {
        "omschrijving": omschrijving,
        "nonactief": nonactief,
        "nummer": nummer,
        "id": key,
        "uri": f"/kostenplaatsen/{key}",
    }


def kostenplaatsen(seed: UUID) -> list[Row]:
    """Two active cost centres and one that is no longer used."""
    return [
        kostenplaats(seed, 1, "Webwinkel"),
        kostenplaats(seed, 2, "Winkel"),
        kostenplaats(seed, 9, "Oude vestiging", nonactief=True),
    ]
