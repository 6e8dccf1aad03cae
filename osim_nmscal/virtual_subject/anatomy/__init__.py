"""Who the person is: tables of bones, joints and muscles, electrodes, the model built from them, and a person drawn around it."""
