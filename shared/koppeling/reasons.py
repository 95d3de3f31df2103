"""Every reason an owner, a bookkeeper or the operator can be given: code, sentence, advice and whose it is to act.

Dutch, for people. What stands between braces is a fact; facts are numbers, amounts, dates, codes and ledger numbers,
never a name, an address or an e-mail address.
"""

from typing import Final

from koppeling.failures import Whose

_CHOOSE: Final = "Kies in het profiel van de koppeling"

REASONS: Final[dict[str, tuple[str, str, Whose]]] = {
    "amount-booked-differs": (
        "Factuur {invoice_number} staat met {booked} in SnelStart, maar de bestelling is {expected}.",
        "Vergelijk de factuur in SnelStart met de bestelling in de webwinkel en pas aan wat niet klopt.",
        "bookkeeper",
    ),
    "amount-decimals": (
        "Het totaal van de bestelling ({total}) heeft meer dan twee decimalen en past niet op een factuur.",
        "Controleer de bestelling in de webwinkel en sla haar opnieuw op; bied haar daarna opnieuw aan.",
        "owner",
    ),
    "amount-gift-card-vat": (
        "De webwinkel heeft {rate} btw in mindering gebracht over {amount} aan cadeaubon of tegoed.",
        'Een bon als betaling verlaagt de btw niet: boek deze bestelling zelf, of kies gift_cards = "discount".',
        "bookkeeper",
    ),
    "amount-lines-total": (
        "De orderregels tellen op tot {lines}, maar het totaal van de bestelling is {total}.",
        "Controleer de bestelling in de webwinkel (regels, kortingen en verzendkosten) en bied haar opnieuw aan.",
        "owner",
    ),
    "amount-negative-total": (
        "Het totaal van de bestelling is negatief ({total}), terwijl de status geen creditorder aangeeft.",
        "Geef de bestelling in de webwinkel een creditstatus, of boek haar zelf in SnelStart.",
        "owner",
    ),
    "amount-no-lines": (
        "De bestelling van {total} heeft geen regels met een bedrag om te boeken.",
        "Controleer de bestelling in de webwinkel en bied haar opnieuw aan.",
        "owner",
    ),
    "amount-open-differs": (
        "Op factuur {invoice_number} staat nog {open} open, terwijl {expected} werd verwacht.",
        "Kijk in SnelStart of de factuur met de hand is afgeletterd of gewijzigd en bied de bestelling opnieuw aan.",
        "bookkeeper",
    ),
    "currency-not-eur": (
        "De bestelling is in {currency}; alleen bestellingen in euro kunnen worden geboekt.",
        "Boek deze bestelling zelf in SnelStart, met de koers van de dag.",
        "bookkeeper",
    ),
    "vat-country-unknown": (
        "Het land van een adres in de bestelling is niet te herkennen, dus het btw-regime staat niet vast.",
        "Kies in de webwinkel het juiste land bij het adres en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "vat-kor-abroad": (
        "De administratie gebruikt de kleineondernemersregeling, maar de bestelling gaat naar {country}.",
        "Boek deze bestelling zelf in SnelStart: buiten Nederland geldt de regeling niet vanzelf.",
        "bookkeeper",
    ),
    "vat-kor-charged": (
        "De administratie gebruikt de kleineondernemersregeling, maar in de bestelling is {stated} btw berekend.",
        "Zet de btw op 0%, of de regeling in SnelStart uit als zij niet meer geldt; boek zelf wat van daarvoor is.",
        "owner",
    ),
    "vat-rate-unknown": (
        "Een btw-tarief van {rate} geldt volgens de administratie niet op {date}.",
        "Controleer het tarief van de artikelen in de webwinkel en de btw-tarieven in SnelStart.",
        "bookkeeper",
    ),
    "vat-rate-without-lines": (
        "De webwinkel vermeldt {stated} btw tegen {rate}, maar geen orderregel heeft dat tarief.",
        "Controleer de bestelling in de webwinkel en bied haar opnieuw aan.",
        "owner",
    ),
    "vat-refused": (
        "SnelStart keurt de btw van deze boeking niet goed ({error_code}: {message}).",
        "Controleer de btw-tarieven van de bestelling en de grootboeken in het profiel.",
        "bookkeeper",
    ),
    "vat-region-abroad": (
        "De webwinkel heeft btw voor {country} berekend, en dat past niet bij het land van levering of de klant.",
        "Controleer in de webwinkel de btw-regels per land, of boek deze bestelling zelf in SnelStart.",
        "bookkeeper",
    ),
    "vat-reverse-charged-place": (
        "De btw is verlegd, maar de levering gaat naar {country}; verleggen kan alleen naar een ander EU-land.",
        "Controleer het afleveradres en boek deze bestelling zelf in SnelStart.",
        "bookkeeper",
    ),
    "vat-reverse-charged-with-vat": (
        "De btw is volgens de webwinkel verlegd, maar in de bestelling is toch {stated} btw berekend.",
        "Controleer de bestelling in de webwinkel; boek haar zelf als de factuur al bij de klant is.",
        "bookkeeper",
    ),
    "vat-strategy-unknown": (
        "De webwinkel gebruikt voor deze bestelling een onbekende btw-regeling.",
        "Meld dit aan de beheerder van de koppeling; kan het niet wachten, boek deze bestelling dan zelf in SnelStart.",
        "operator",
    ),
    "vat-territory": (
        "De levering gaat naar een gebied met eigen btw-regels ({country}).",
        "Boek deze bestelling zelf in SnelStart, naar de regels van dat gebied.",
        "bookkeeper",
    ),
    "vat-total": (
        "De webwinkel vermeldt {stated} btw tegen {rate}, maar uit de orderregels volgt {computed}.",
        "Controleer de bedragen en tarieven van de bestelling in de webwinkel en bied haar opnieuw aan.",
        "owner",
    ),
    "vat-zero-percent-place": (
        "De bestelling is als uitvoer zonder btw verkocht, maar gaat naar {country}, binnen de EU.",
        "Controleer in de webwinkel het land van levering en de btw-regels; boek deze bestelling zelf.",
        "bookkeeper",
    ),
    "vat-number-country": (
        "Het btw-nummer van de klant hoort volgens SnelStart bij een ander land dan het adres.",
        "Verbeter het btw-nummer of het land in de webwinkel en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "vat-number-dutch": (
        "De btw is verlegd, maar het btw-nummer bij de bestelling is Nederlands.",
        "Vraag de klant om het btw-nummer van een ander EU-land, of boek deze bestelling zelf in SnelStart.",
        "owner",
    ),
    "vat-number-invalid": (
        "SnelStart keurt het btw-nummer van de klant af.",
        "Vraag de klant om het juiste btw-nummer, verbeter het in de webwinkel en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "vat-number-malformed": (
        "De btw is verlegd, maar het btw-nummer bij de bestelling is geen geldig nummer van een EU-land.",
        "Vraag de klant om het juiste btw-nummer, verbeter het in de webwinkel en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "vat-number-missing": (
        "De btw is verlegd, maar bij de bestelling staat geen btw-nummer.",
        "Vraag de klant om het btw-nummer, vul het in de webwinkel in en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "oss-account-missing": (
        "Er is geen actief grootboek voor afstandsverkopen met btw-tariefcode {kind} ({rate} in {country}).",
        "Maak dat grootboek in SnelStart aan (afstandsverkopen binnen de EU) en bied de bestelling opnieuw aan.",
        "bookkeeper",
    ),
    "oss-dutch-vat": (
        "Buitenlandse btw (OSS) staat aan, maar aan een consument in {country} is Nederlandse btw berekend.",
        "Stel in de webwinkel de btw van dat land in; boek deze bestelling zelf of maak haar daar opnieuw.",
        "owner",
    ),
    "oss-not-enabled": (
        "Aan een consument in {country} is btw van dat land berekend, maar OSS staat in SnelStart niet aan.",
        "Zet in SnelStart het factureren van buitenlandse btw aan vanaf de datum waarop uw OSS-aanmelding geldt.",
        "bookkeeper",
    ),
    "oss-rate-unknown": (
        "Een btw-tarief van {rate} bestaat volgens SnelStart niet in {country} op {date}.",
        "Controleer in de webwinkel de btw-tarieven van dat land, of boek deze bestelling zelf in SnelStart.",
        "owner",
    ),
    "oss-vat-account-missing": (
        "In SnelStart is geen (actief) grootboek gekozen voor de btw van andere EU-landen.",
        "Kies dat grootboek in SnelStart bij de instellingen voor buitenlandse btw en bied de bestelling opnieuw aan.",
        "bookkeeper",
    ),
    "account-cost-centre-inactive": (
        "Kostenplaats {cost_centre} is niet actief in SnelStart.",
        f"{_CHOOSE} een andere kostenplaats, of maak deze weer actief.",
        "bookkeeper",
    ),
    "account-cost-centre-refused": (
        "SnelStart weigert de kostenplaats van deze boeking ({error_code}: {message}).",
        f"{_CHOOSE} een actieve kostenplaats.",
        "bookkeeper",
    ),
    "account-cost-centre-required": (
        "Grootboek {account} vraagt om een kostenplaats, en in het profiel is er geen gekozen.",
        f"{_CHOOSE} een kostenplaats (cost_centre), of een grootboek dat er geen vraagt.",
        "bookkeeper",
    ),
    "account-cost-centre-unknown": (
        "Kostenplaats {cost_centre} bestaat niet in SnelStart.",
        f"{_CHOOSE} een bestaande kostenplaats, of 0 voor geen.",
        "bookkeeper",
    ),
    "account-eu-not-allowed": (
        "SnelStart staat het grootboek van dit btw-regime voor deze klant niet toe ({error_code}).",
        "Controleer in SnelStart het land en het btw-nummer van de relatie en bied de bestelling opnieuw aan.",
        "bookkeeper",
    ),
    "account-function-mismatch": (
        "Grootboek {account} (gekozen voor {choice}) heeft in SnelStart niet de functie die daarbij hoort.",
        f"{_CHOOSE} voor {{choice}} een grootboek met die functie; anders klopt de btw-aangifte niet.",
        "bookkeeper",
    ),
    "account-function-missing": (
        "In de administratie ontbreekt een grootboek met de functie die deze boeking vraagt ({error_code}).",
        "Maak dat grootboek in SnelStart aan en bied de bestelling opnieuw aan.",
        "bookkeeper",
    ),
    "account-inactive": (
        "Grootboek {account} (gekozen voor {choice}) is niet actief in SnelStart.",
        f"{_CHOOSE} een actief grootboek voor {{choice}}, of maak dit weer actief.",
        "bookkeeper",
    ),
    "account-not-chosen": (
        "Er is nog geen grootboek gekozen voor {choice}.",
        f"{_CHOOSE} een grootboek voor {{choice}}.",
        "bookkeeper",
    ),
    "account-refused": (
        "SnelStart weigert een grootboek van deze boeking ({error_code}: {message}).",
        f"{_CHOOSE} actieve grootboeken die voor verkopen mogen worden gebruikt.",
        "bookkeeper",
    ),
    "account-unknown": (
        "Grootboek {account} (gekozen voor {choice}) bestaat niet in SnelStart.",
        f"{_CHOOSE} een bestaand grootboek voor {{choice}}.",
        "bookkeeper",
    ),
    "account-vat-mismatch": (
        "Grootboek {account} (gekozen voor {choice}) staat btw-soort {kind} niet toe.",
        f"{_CHOOSE} voor {{choice}} een grootboek met btw-soort {{kind}}.",
        "bookkeeper",
    ),
    "journal-inactive": (
        "Dagboek {journal} (gekozen voor betaalwijze {payment}) is niet actief in SnelStart.",
        f"{_CHOOSE} een actief dagboek, of maak dit weer actief.",
        "bookkeeper",
    ),
    "journal-not-bank-or-cash": (
        "Dagboek {journal} (gekozen voor betaalwijze {payment}) is geen bank- of kasdagboek.",
        f"{_CHOOSE} een dagboek van soort Bank of Kas voor deze betaalwijze.",
        "bookkeeper",
    ),
    "journal-refused": (
        "SnelStart weigert het dagboek van de betaling ({error_code}: {message}).",
        f"{_CHOOSE} een ander bank- of kasdagboek.",
        "bookkeeper",
    ),
    "journal-unknown": (
        "Dagboek {journal} (gekozen voor betaalwijze {payment}) bestaat niet in SnelStart.",
        f"{_CHOOSE} een bestaand bank- of kasdagboek.",
        "bookkeeper",
    ),
    "number-taken": (
        "Factuurnummer {invoice_number} is in SnelStart al door een andere boeking gebruikt.",
        "Kies in het profiel een eigen vorm van factuurnummers (invoice_number), of boek deze bestelling zelf.",
        "bookkeeper",
    ),
    "number-too-long": (
        "Factuurnummer {invoice_number} telt {length} tekens; SnelStart neemt er hoogstens 25.",
        "Kies in het profiel een kortere vorm van factuurnummers (invoice_number).",
        "bookkeeper",
    ),
    "period-accountant-lock": (
        "De accountant heeft de periode van {date} afgesloten.",
        "Vraag uw accountant de periode te openen, of kies in het profiel voor boeken op de eerste open dag.",
        "bookkeeper",
    ),
    "period-blocked": (
        "De periode van {date} is in SnelStart geblokkeerd.",
        "Open de periode in SnelStart, of kies in het profiel voor boeken op de eerste open dag.",
        "bookkeeper",
    ),
    "period-too-old": (
        "De factuurdatum {date} ligt te ver voor het huidige boekjaar om nog te worden geboekt.",
        "U hoeft niets te doen; boek de bestelling zelf als zij toch in de boeken hoort.",
        "bookkeeper",
    ),
    "period-vat-filed": (
        "Over de periode van {date} is de btw-aangifte al gedaan.",
        "Overleg met uw boekhouder, of kies in het profiel voor boeken op de eerste open dag.",
        "bookkeeper",
    ),
}
