"""The reasons that come from the shop, from the customer's data, from SnelStart itself and from our own storage."""

from typing import Final

from koppeling.failures import Whose

_TRY_AGAIN: Final = "U hoeft niets te doen: de koppeling probeert het vanzelf opnieuw."
_TELL_OPERATOR: Final = "Meld dit aan de beheerder van de koppeling."

REASONS: Final[dict[str, tuple[str, str, Whose]]] = {
    "customer-address-incomplete": (
        "SnelStart vindt het adres van de klant niet volledig.",
        "Vul in de webwinkel straat, huisnummer, postcode, plaats en land aan en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "customer-email-refused": (
        "SnelStart keurt het e-mailadres van de klant af.",
        "Verbeter het e-mailadres in de webwinkel en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "customer-iban-refused": (
        "SnelStart keurt het rekeningnummer van de klant af.",
        "Verbeter of verwijder het rekeningnummer in de webwinkel en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "customer-inactive": (
        "De relatie van deze klant is in SnelStart niet actief.",
        "Maak de relatie in SnelStart weer actief en bied de bestelling opnieuw aan.",
        "bookkeeper",
    ),
    "customer-not-a-customer": (
        "De relatie in SnelStart is geen klant.",
        "Geef de relatie in SnelStart ook de soort Klant en bied de bestelling opnieuw aan.",
        "bookkeeper",
    ),
    "customer-refused": (
        "SnelStart weigert de gegevens van de klant ({error_code}: {message}).",
        "Verbeter de klantgegevens in de webwinkel en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "shop-before-start-date": (
        "De bestelling van {date} is van voor de begindatum van de koppeling ({start_date}).",
        "U hoeft niets te doen; vervroeg de begindatum in het profiel als zij toch geboekt moet worden.",
        "owner",
    ),
    "shop-cancelled": (
        "De bestelling is geannuleerd voordat zij was geboekt (status {status}).",
        "U hoeft niets te doen.",
        "owner",
    ),
    "shop-credit-status-unknown": (
        "De bestelling hoort bij een andere en heeft een status ({status}) die de koppeling niet kent.",
        "Is het een creditorder? Meld de nieuwe status aan de beheerder van de koppeling, of boek haar zelf.",
        "operator",
    ),
    "shop-credit-without-original": (
        "De bestelling heeft een creditstatus, maar vermeldt niet welke bestelling zij crediteert.",
        "Maak de creditorder in de webwinkel vanuit de oorspronkelijke bestelling, of boek haar zelf in SnelStart.",
        "owner",
    ),
    "shop-forbidden": (
        "De webwinkel staat de koppeling niet toe deze gegevens te lezen.",
        "Maak in Mijnwebwinkel onder Instellingen, API een token met leesrechten op bestellingen en betalingen.",
        "owner",
    ),
    "shop-not-completed": (
        "De bestelling is nog niet afgerond (status {status}).",
        "Zet de bestelling in de webwinkel op een afgeronde status; daarna wordt zij vanzelf geboekt.",
        "owner",
    ),
    "shop-not-paid": (
        "De bestelling is nog niet betaald (betaalstatus {payment_status}).",
        "Wacht op de betaling of verwerk haar in de webwinkel; daarna wordt de bestelling vanzelf geboekt.",
        "owner",
    ),
    "shop-order-not-found": (
        "De bestelling bestaat niet (meer) in de webwinkel.",
        "Controleer het ordernummer; een verwijderde bestelling hoeft niet geboekt te worden.",
        "owner",
    ),
    "shop-order-unreadable": (
        "De bestelling is niet te lezen: het veld {field} ontbreekt of is ongeldig.",
        "Meld dit aan de beheerder van de koppeling en bied de bestelling daarna opnieuw aan.",
        "operator",
    ),
    "shop-partly-refunded": (
        "Van de betaling is een deel terugbetaald: ontvangen {captured}, terugbetaald {refunded}.",
        "Maak in de webwinkel een creditorder voor het teruggestuurde deel, of boek deze bestelling zelf.",
        "owner",
    ),
    "shop-refunded": (
        "De bestelling is terugbetaald voordat zij was geboekt.",
        "U hoeft niets te doen.",
        "owner",
    ),
    "shop-test-order": ("Dit is een testbestelling.", "U hoeft niets te doen.", "owner"),
    "shop-token-refused": (
        "De webwinkel weigert het token van deze koppeling.",
        "Maak in Mijnwebwinkel onder Instellingen, API een nieuw token en geef het door aan de koppeling.",
        "owner",
    ),
    "shop-unavailable": ("De webwinkel geeft nu geen (leesbaar) antwoord.", _TRY_AGAIN, "operator"),
    "shop-unpaid-too-long": (
        "De bestelling is na {days} dagen nog niet betaald of afgerond; de koppeling vraagt er niet meer naar.",
        "Bied de bestelling opnieuw aan zodra zij betaald en afgerond is.",
        "owner",
    ),
    "shop-zero-total": (
        "Het totaal van de bestelling is nul en er is geen btw te boeken.",
        "U hoeft niets te doen.",
        "owner",
    ),
    "snelstart-key-refused": (
        "SnelStart weigert de koppelsleutel van deze administratie.",
        "Maak in SnelStart een nieuwe koppelsleutel en geef hem door aan de koppeling.",
        "owner",
    ),
    "snelstart-outcome-unknown": (
        "SnelStart heeft niet laten weten of de boeking is gelukt.",
        "U hoeft niets te doen: de koppeling kijkt eerst of de boeking er staat voordat zij iets opnieuw stuurt.",
        "operator",
    ),
    "snelstart-refused": (
        "SnelStart weigert dit om een reden die de koppeling niet kent ({error_code}: {message}).",
        _TELL_OPERATOR,
        "operator",
    ),
    "snelstart-request-faulty": (
        "De koppeling heeft SnelStart een onjuiste opdracht gegeven ({error_code}: {message}).",
        _TELL_OPERATOR,
        "operator",
    ),
    "snelstart-scope-missing": (
        "De koppelsleutel geeft geen toegang tot {scope}.",
        "Maak in SnelStart een koppelsleutel met dat recht en geef hem door aan de koppeling.",
        "owner",
    ),
    "snelstart-stale-reference": (
        "Iets waarop geboekt wordt bestaat niet meer in SnelStart.",
        "Controleer de grootboeken, dagboeken en relatie in SnelStart en bied de bestelling opnieuw aan.",
        "bookkeeper",
    ),
    "snelstart-subscription-key-refused": (
        "SnelStart weigert de abonnementssleutel (subscription key) van de koppeling.",
        "De beheerder van de koppeling moet een geldige subscription key instellen (koppeling partner).",
        "operator",
    ),
    "snelstart-unavailable": ("SnelStart geeft nu geen (leesbaar) antwoord.", _TRY_AGAIN, "operator"),
    "koppeling-storage-unavailable": ("De opslag van de koppeling is nu niet bereikbaar.", _TRY_AGAIN, "operator"),
}
