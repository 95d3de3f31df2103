"""The reasons that come from our own house: storage, queues, time, mistakes."""

from typing import Final

from koppeling.failures import Whose

_TRY_AGAIN: Final = "U hoeft niets te doen: de koppeling probeert het vanzelf opnieuw."

REASONS: Final[dict[str, tuple[str, str, Whose]]] = {
    "amount-credit-exceeds": (
        "De creditorder is {total}, meer dan de {booked} waarvoor de oorspronkelijke bestelling is geboekt.",
        "Controleer de creditorder in de webwinkel, of boek haar zelf in SnelStart.",
        "owner",
    ),
    "amount-gift-card-sold": (
        "De bestelling verkoopt voor {amount} een bon of tegoed zonder btw, en een ingewisselde bon is een korting.",
        'Kies gift_cards = "payment" met een grootboek voor die schuld, of boek deze bestelling zelf in SnelStart.',
        "bookkeeper",
    ),
    "customer-being-made": (
        "De klant van deze bestelling wordt op dit moment voor een andere bestelling aangemaakt.",
        _TRY_AGAIN,
        "operator",
    ),
    "customer-email-needed": (
        "De bestelling heeft geen geldig e-mailadres, terwijl deze verkoop over de grens een eigen klant vraagt.",
        "Vul in de webwinkel het e-mailadres van de klant in en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "customer-without-vat-number": (
        "De btw is verlegd, maar bij de bestaande relatie van deze klant staat in SnelStart geen btw-nummer.",
        "Vul het btw-nummer uit de bestelling in SnelStart bij de relatie in en bied de bestelling opnieuw aan.",
        "bookkeeper",
    ),
    "koppeling-error": (
        "Er ging iets mis in de koppeling zelf.",
        "U hoeft niets te doen: de koppeling probeert het opnieuw en de beheerder ziet deze fout.",
        "operator",
    ),
    "koppeling-no-time-left": (
        "De webwinkel of SnelStart antwoordde zo traag dat er geen tijd meer was om veilig te boeken.",
        _TRY_AGAIN,
        "operator",
    ),
    "koppeling-partner-secret-unreadable": (
        "De eigen sleutels van de koppeling konden niet worden gelezen.",
        "Beheerder: vul ze in met «koppeling partner» en controleer de rechten van de functies.",
        "operator",
    ),
    "koppeling-app-name-missing": (
        "De koppeling weet niet onder welke korte naam SnelStart haar kent.",
        "Beheerder: vul de naam uit het ontwikkelaarsportaal in met «koppeling partner --app-name».",
        "operator",
    ),
    "koppeling-not-activated": (
        "De koppeling is in SnelStart nog niet goedgekeurd.",
        "Open de koppellink en keur de koppeling in SnelStart goed. Is de link verlopen, vraag dan een nieuwe.",
        "owner",
    ),
    "koppeling-profile-unfit": (
        "De koppeling is goedgekeurd, maar het profiel past niet bij de administratie ({message}).",
        "Beheerder: pas het profiel aan met «koppeling link ID --profile», of herstel dit in SnelStart.",
        "operator",
    ),
    "koppeling-order-busy": (
        "Een andere bewerking is op dit moment met deze bestelling bezig.",
        _TRY_AGAIN,
        "operator",
    ),
    "koppeling-partner-empty": (
        "De eigen sleutels van de koppeling (partner-token en subscription key) zijn nog niet ingevuld.",
        "Beheerder: vul ze eerst in met «koppeling partner».",
        "operator",
    ),
    "koppeling-paused": (
        "De koppeling is gepauzeerd.",
        "Hervat de koppeling; de bestellingen die intussen kwamen worden dan alsnog geboekt.",
        "owner",
    ),
    "koppeling-queue-unavailable": (
        "De wachtrij van de koppeling nam de bestelling niet aan.",
        _TRY_AGAIN,
        "operator",
    ),
    "number-gone": (
        "Factuur {invoice_number} is niet meer in SnelStart te vinden, terwijl zij wel is geboekt.",
        "Kijk in SnelStart of de factuur is verwijderd of een ander nummer kreeg, en meld het aan de beheerder.",
        "bookkeeper",
    ),
    "number-changed-by-hand": (
        "Factuur {invoice_number} is in SnelStart gewijzigd nadat de koppeling haar had geboekt.",
        "Draai haar zelf terug in SnelStart, of boek er met «koppeling undo --credit» een creditfactuur tegenover.",
        "bookkeeper",
    ),
    "number-payment-by-hand": (
        "Factuur {invoice_number} is in SnelStart anders betaald dan met de betaling die de koppeling boekte.",
        "Maak die betaling in SnelStart los en probeer het opnieuw, of boek met «koppeling undo --credit» een credit.",
        "bookkeeper",
    ),
    "number-two-forms": (
        "Deze winkel is of was al aan deze administratie gekoppeld, met een andere vorm van factuurnummers.",
        "Gebruik dezelfde vorm (invoice_number), of verwijder de andere koppeling en begin na die dag (start_date).",
        "operator",
    ),
    "period-undo-closed": (
        "Factuur {invoice_number} van {date} ligt in een afgesloten periode of aangifte ({error_code}).",
        "Boek er met «koppeling undo --credit» een creditfactuur van vandaag tegenover, of laat de periode openen.",
        "bookkeeper",
    ),
    "shop-access-refused": (
        "De webwinkel weigert de toegang, waarschijnlijk om het partnertoken van de koppeling.",
        "Beheerder: stel een geldig partnertoken in («koppeling partner»), of laat deze ene winkel een token maken.",
        "operator",
    ),
    "shop-credit-already-reversed": (
        "Bestelling {of} is al in haar geheel teruggeboekt; deze creditorder hoeft niet nog eens geboekt te worden.",
        "U hoeft niets te doen.",
        "owner",
    ),
    "shop-credit-before-start-date": (
        "Deze creditorder van {date} is van voor de begindatum ({start_date}), maar bestelling {of} is wel geboekt.",
        "Boek haar zelf in SnelStart, of laat haar dag importeren. Is zij al geboekt, dan hoeft u niets te doen.",
        "owner",
    ),
    "shop-credit-of-unbooked": (
        "Deze creditorder hoort bij bestelling {of}, die nooit is geboekt; er is niets om terug te boeken.",
        "U hoeft niets te doen. Hebt u bestelling {of} zelf geboekt, boek dan ook de creditering zelf.",
        "owner",
    ),
    "shop-credit-waits": (
        "Deze creditorder wacht tot bestelling {of} is geboekt en betaald.",
        "U hoeft niets te doen, tenzij bestelling {of} geweigerd is: los dat dan eerst op.",
        "owner",
    ),
    "shop-credit-waited-too-long": (
        "Deze creditorder is na {days} dagen niet geboekt, omdat bestelling {of} niet is geboekt en betaald.",
        "Bied haar opnieuw aan zodra bestelling {of} is geboekt, of boek haar zelf als u die ook zelf hebt geboekt.",
        "owner",
    ),
    "shop-number-unknown": (
        "Dit is geen gewoon bestelnummer; de webwinkel kent zulke bestellingen niet.",
        "U hoeft niets te doen, tenzij er een bestelling ontbreekt: controleer dan wat de webhook meestuurt.",
        "owner",
    ),
    "shop-partly-credited": (
        "De bestelling is geannuleerd of terugbetaald, maar van de {booked} is {open} niet gecrediteerd.",
        "Kijk of een creditorder onderweg of geweigerd is; maak er anders een voor de rest, of boek de rest zelf.",
        "owner",
    ),
    "shop-restored": (
        "De bestelling is in de webwinkel hersteld, nadat zij in de boeken was teruggeboekt.",
        "Maak in de webwinkel een nieuwe bestelling met dezelfde inhoud, of boek de verkoop zelf in SnelStart.",
        "owner",
    ),
    "shop-undo-credited": (
        "De bestelling is (deels) gecrediteerd of teruggeboekt, of is zelf een creditorder.",
        "Is er nog iets terug te draaien, doe dat dan zelf in SnelStart.",
        "bookkeeper",
    ),
    "shop-undo-nothing": (
        "De bestelling staat niet in de boeken; er is niets terug te draaien.",
        "U hoeft niets te doen.",
        "operator",
    ),
    "shop-undone": (
        "De bestelling is op verzoek weer uit de boeken gehaald en wordt niet vanzelf opnieuw geboekt.",
        "Bied haar opnieuw aan of importeer haar opnieuw als zij toch geboekt moet worden.",
        "owner",
    ),
    "shop-other-shop": (
        "Het token is van een andere winkel dan deze koppeling.",
        "Geef het token van de gekoppelde winkel, of maak voor de andere winkel een nieuwe koppeling.",
        "owner",
    ),
    "snelstart-budget": (
        "SnelStart neemt niet meer verzoeken per minuut en per uur aan; deze bestelling staat in de rij.",
        "U hoeft niets te doen: de bestelling wordt geboekt zodra er weer ruimte is.",
        "operator",
    ),
    "snelstart-busy": (
        "SnelStart neemt op dit moment geen verzoeken van deze administratie meer aan.",
        _TRY_AGAIN,
        "operator",
    ),
    "snelstart-other-administration": (
        "De koppelsleutel is van een andere administratie dan deze koppeling.",
        "Geef de koppelsleutel van de gekoppelde administratie, of maak voor de andere een nieuwe koppeling.",
        "owner",
    ),
    "snelstart-disconnected": (
        "De koppeling is in SnelStart verbroken.",
        "Moet zij weer boeken, vraag de beheerder dan om een nieuwe koppellink en keur die in SnelStart goed.",
        "owner",
    ),
    "snelstart-still-connected": (
        "SnelStart meldde dat de koppeling is verbroken, maar neemt haar koppelsleutel nog aan.",
        "Moet zij echt stoppen, pauzeer haar dan met «koppeling pause».",
        "operator",
    ),
    "vat-booked-differs": (
        "De btw van factuur {invoice_number} in SnelStart is anders dan die van de bestelling zoals zij er nu uitziet.",
        "Boek de creditfactuur zelf in SnelStart, met de btw van die factuur, en bied de bestelling niet opnieuw aan.",
        "bookkeeper",
    ),
    "vat-number-not-in-vies": (
        "Het btw-nummer van de klant is volgens het Europese register (VIES) niet geldig.",
        "Vraag de klant om het juiste btw-nummer, verbeter het in de webwinkel en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "vat-number-vies-unavailable": (
        "Het Europese register van btw-nummers (VIES) geeft nu geen antwoord.",
        _TRY_AGAIN,
        "operator",
    ),
    "vat-rate-past": (
        "Het btw-tarief van {rate} geldt niet meer op {date}, en SnelStart neemt alleen de tarieven van de boekdatum.",
        "Boek deze factuur zelf in SnelStart, met de btw die erop staat, en bied haar daarna niet opnieuw aan.",
        "bookkeeper",
    ),
    "oss-changed": (
        "Op {date} gelden voor {country} andere btw-regels (OSS) dan bij de levering; SnelStart kent alleen de nieuwe.",
        "Boek deze factuur zelf in SnelStart, met de btw die erop staat, en bied haar daarna niet opnieuw aan.",
        "bookkeeper",
    ),
    "snelstart-unreadable": (
        "SnelStart gaf een antwoord dat de koppeling niet kan lezen (veld {field}).",
        "U hoeft niets te doen: de koppeling probeert het opnieuw en de beheerder ziet deze fout.",
        "operator",
    ),
}
